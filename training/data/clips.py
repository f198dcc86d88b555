"""Which clips there are: a folder of labels, each a folder of clips."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kws_edge.audio.files import AUDIO_SUFFIXES, AudioReader, is_clip, to_pcm16
from kws_edge.errors import DataError, KwsEdgeError, MissingFileError

SPEAKER = re.compile(
    r"^(?P<speaker>.+?)(?:_nohash_\w+|-\d{8}T\d{6}Z-\d+)$"
    r"|^(?P<short>[0-9a-f]{8})_\d+$|^(?P<reader>\d+)-\d+-\d{4}$"
)
# A clip of the data set whose folder was put into its name, as a course hands them out.
NAMED = re.compile(r"^(?P<label>[^\W_]+)_(?P<speaker>[0-9a-f]{8})_nohash_\d+$")


NOISES = "_background_noise_"  # a folder of Speech Commands: minutes of noise are no clips


@dataclass(frozen=True)
class Clip:
    """One recording: ``path``, its ``label`` (the name of its folder, or the start of its own)
    and ``speaker``."""

    path: Path
    label: str
    speaker: str

    @property
    def key(self) -> str:
        """``label/name``, as split lists name a clip."""
        return f"{self.label}/{self.path.name}"


@dataclass(frozen=True)
class Recording:
    """What is in a clip: ``samples`` of each channel, ``sample_rate`` in Hz, SHA-1 of the samples
    as mono int16."""

    clip: Clip
    samples: int
    sample_rate: int
    sha1: str


def scan(folder: Path, labels: Sequence[str] | None = None) -> list[Clip]:
    """The clips of ``folder/<label>/``, sorted; all labels but `NOISES`, or those asked for.

    In a folder that holds clips of several words (``msc-train/yes_004ae714_nohash_0.wav``), be
    it ``folder`` or one in it, the label is the start of each name. Raises `MissingFileError`
    where the folder or a label asked for is not there, and `DataError` where there is no clip.
    """
    if not folder.is_dir():
        raise MissingFileError(
            f"{folder}: no such folder; get the data with: python -m training data fetch"
        )
    try:
        clips = _find_clips(folder, labels)
    except OSError as error:
        raise MissingFileError(f"{error.filename}: {error.strerror}") from error
    if missing := sorted(set(labels or ()) - {clip.label for clip in clips}):
        named = [label for label in missing if not (folder / label).is_dir()]
        if named:
            raise MissingFileError(f"{folder}: no folder for {', '.join(named)}")
    if not clips:
        raise DataError(
            f"{folder}: no sound files in folders of labels ({', '.join(AUDIO_SUFFIXES)})"
            f"{_hint(folder)}"
        )
    return sorted(clips, key=lambda clip: clip.key)


def _find_clips(folder: Path, labels: Sequence[str] | None) -> list[Clip]:
    folders = (path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    found = sorted(path.name for path in folders if path.name != NOISES)
    if labels is not None and set(labels) <= set(found):
        return [clip for label in labels for clip in _clips_in(folder / label, keep_name=True)]
    clips = [clip for clip in _clips_in(folder) if clip.label != folder.name]
    for name in found:
        clips += _clips_in(folder / name, keep_name=name in (labels or ()))
    return [clip for clip in clips if labels is None or clip.label in labels]


def _clips_in(folder: Path, keep_name: bool = False) -> list[Clip]:
    """The clips in ``folder``: of its name, unless theirs begin with words.

    The names of ``_unknown_`` and its like say what is in them; so does a name asked for. Raises
    `DataError` for clips of several words among which one has no word in its name.
    """
    paths = sorted(path for path in folder.iterdir() if is_clip(path))
    named = [match for path in paths if (match := NAMED.match(path.stem))]
    if keep_name or folder.name[0] == "_" or not named:
        return [Clip(path, folder.name, speaker_of(path)) for path in paths]
    if len(named) == len(paths):
        return [
            Clip(path, match["label"], match["speaker"])
            for path, match in zip(paths, named, strict=True)
        ]
    if len({match["label"] for match in named}) > 1:
        odd = next(path for path in paths if not NAMED.match(path.stem))
        raise DataError(
            f"{odd}: lies among clips named <word>_<speaker>_nohash_<n>, and says no word; move it"
            " away, or all of them into folders of their words"
        )
    return [Clip(path, folder.name, speaker_of(path)) for path in paths]


def _hint(folder: Path) -> str:
    """What to name instead of a folder without clips: one in it that has folders of them."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and any(is_clip(clip) for clip in path.glob("*/*")):
            return f"; {path} has some, name that folder"
    return ""


def speaker_of(path: Path) -> str:
    """Speaker id from a name: ``<speaker>_nohash_<n>.wav``, ``<speaker>-<UTC>-<n>.wav``,
    ``<8 hexadecimal digits>_<n>.wav`` or LibriSpeech's ``<reader>-<chapter>-<n>.flac``.

    A name of another form is a speaker of its own.
    """
    match = SPEAKER.match(path.stem)
    return str(match[match.lastgroup or 0]) if match else path.stem


def inspect(
    clips: Iterable[Clip], report: Callable[[KwsEdgeError], None] | None = None
) -> list[Recording]:
    """Read every clip; about 1,000 a second and core.

    What is wrong with a clip goes to ``report``, and the others go on; without it the first
    fault is raised.
    """
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_recording, clips))
    recordings = []
    for one in found:
        if isinstance(one, Recording):
            recordings.append(one)
        elif report is None:
            raise one
        else:
            report(one)
    return recordings


def _recording(clip: Clip) -> Recording | KwsEdgeError:
    digest, samples = hashlib.sha1(usedforsecurity=False), 0
    try:
        with AudioReader(clip.path) as reader:
            for block in reader.blocks(reader.sample_rate):
                samples += len(block)
                digest.update(to_pcm16(block).astype("<i2").tobytes())
    except KwsEdgeError as error:
        return error
    return Recording(clip, samples, reader.sample_rate, digest.hexdigest())
