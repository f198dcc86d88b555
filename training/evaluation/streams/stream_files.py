"""Streams on disk: a sound file, and beside it the label track with its words and times."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_edge.audio.files import write_wav
from kws_edge.detection.scoring import SpokenWord, read_label_track
from kws_edge.errors import DataError, MissingFileError
from training.data.augmentation import RATE
from training.evaluation.streams.compose import Stream, recordings

LABEL_SUFFIXES = (".labels.txt", ".txt")


@dataclass(frozen=True)
class StreamFile:
    """A sound file; ``words`` is None without a label track: it contains no keyword."""

    path: Path
    words: tuple[SpokenWord, ...] | None

    @property
    def name(self) -> str:
        return self.path.stem


def write_stream(stream: Stream, name: str, folder: Path) -> Path:
    """Write ``<name>.wav`` (16-bit PCM) and ``<name>.labels.txt``; returns the WAV file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.wav"
    write_wav(path, stream.samples, RATE)
    lines = (f"{word.start:.6f}\t{word.end:.6f}\t{word.label}\n" for word in stream.words)
    path.with_suffix(LABEL_SUFFIXES[0]).write_text("".join(lines), encoding="utf-8")
    return path


def find_streams(paths: Sequence[Path], *, labelled: bool = False) -> list[StreamFile]:
    """The streams in files and folders of files, with their label tracks if they have any.

    ``labelled``: each must have one. Raises `MissingFileError` and `DataError`.
    """
    found = []
    for path in paths:
        if not path.exists():
            raise MissingFileError(f"{path}: No such file or directory")
        for file in recordings(path) if path.is_dir() else [path]:
            track = next((t for s in LABEL_SUFFIXES if (t := file.with_suffix(s)).exists()), None)
            if labelled and not track:
                raise DataError(
                    f"{file}: no label track beside it ({file.with_suffix(LABEL_SUFFIXES[0]).name})"
                )
            words = tuple(read_label_track(track)) if track else None
            found.append(StreamFile(file, words))
    twice = [file.path for file in found if sum(f.path == file.path for f in found) > 1]
    if twice:
        raise DataError(f"{twice[0]}: is given twice")
    return found
