"""Which clips there are: a folder of labels, each a folder of clips."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kws_edge.audio.files import AUDIO_SUFFIXES, open_audio
from kws_edge.errors import DataError, MissingFileError

SPEAKER = re.compile(
    r"^(?P<speaker>.+?)(?:_nohash_\w+|-\d{8}T\d{6}Z-\d+)$"
    r"|^(?P<short>[0-9a-f]{8})_\d+$|^(?P<reader>\d+)-\d+-\d{4}$"
)


@dataclass(frozen=True)
class Clip:
    """One recording: ``path``, its ``label`` (the folder's name) and ``speaker``."""

    path: Path
    label: str
    speaker: str

    @property
    def key(self) -> str:
        """``label/name``, as split lists name a clip."""
        return f"{self.label}/{self.path.name}"


@dataclass(frozen=True)
class Recording:
    """What is in a clip: ``samples``, ``sample_rate`` in Hz, SHA-1 of its int16 samples."""

    clip: Clip
    samples: int
    sample_rate: int
    sha1: str


def scan(folder: Path, labels: Sequence[str] | None = None) -> list[Clip]:
    """The clips of ``folder/<label>/``, sorted; all labels, or those asked for.

    Raises `MissingFileError` where the folder or a label asked for is not there, and
    `DataError` where there is no clip.
    """
    if not folder.is_dir():
        raise MissingFileError(
            f"{folder}: no such folder; get the data with: python -m training data fetch"
        )
    found = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] not in ".")
    missing = sorted(set(labels or ()) - set(found))
    if missing:
        raise MissingFileError(f"{folder}: no folder for {', '.join(missing)}")
    clips = [
        Clip(path, label, speaker_of(path))
        for label in (labels or found)
        for path in sorted((folder / label).iterdir())
        # hidden files are what other systems leave beside a clip, such as ._clip.wav
        if path.suffix.lower() in AUDIO_SUFFIXES and path.name[0] != "." and path.is_file()
    ]
    if not clips:
        raise DataError(f"{folder}: no {', '.join(AUDIO_SUFFIXES)} files in folders of labels")
    return sorted(clips, key=lambda clip: clip.key)


def speaker_of(path: Path) -> str:
    """Speaker id from a name: ``<speaker>_nohash_<n>.wav``, ``<speaker>-<UTC>-<n>.wav``,
    ``<8 hexadecimal digits>_<n>.wav`` or LibriSpeech's ``<reader>-<chapter>-<n>.flac``.

    A name of another form is a speaker of its own.
    """
    match = SPEAKER.match(path.stem)
    return str(match[match.lastgroup or 0]) if match else path.stem


def inspect(clips: Iterable[Clip]) -> list[Recording]:
    """Read every clip; about 1,000 a second and core."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_recording, clips))


def _recording(clip: Clip) -> Recording:
    with open_audio(clip.path) as file:
        samples = file.read(dtype="int16")
        digest = hashlib.sha1(samples.astype("<i2").tobytes(), usedforsecurity=False)
        return Recording(clip, len(samples), file.samplerate, digest.hexdigest())
