"""Running speech as recordings of a data set, and telephone prompts as such speech."""

import gzip
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from kws_edge.audio.files import write_wav
from kws_edge.errors import DataError, MissingFileError
from kws_edge.types import FloatArray
from training.data.augmentation import RATE

PAUSE_S = 0.4
LEAST_S = 15.0  # of a recording


def write_running(output: Path, voice: str, parts: Iterable[FloatArray]) -> Iterator[Path]:
    """Write ``parts``, 16 kHz, as ``output/<voice>_nohash_<n>.wav`` with pauses. Yields each."""
    output.mkdir(parents=True, exist_ok=True)
    segments: list[FloatArray] = []
    number = 0
    for samples in parts:
        segments += [samples, np.zeros(round(PAUSE_S * RATE), np.float32)]
        if sum(map(len, segments)) >= LEAST_S * RATE:
            yield _written(output / f"{voice}_nohash_{number}.wav", segments)
            segments, number = [], number + 1
    if sum(map(len, segments)) >= RATE:
        yield _written(output / f"{voice}_nohash_{number}.wav", segments)


def decode(file: str | IO[bytes], what: str, format: str) -> FloatArray:
    """A recording in a form that libsndfile does not read, as mono at 16 kHz.

    ``file`` is a path or a binary file, ``what`` names it in the `DataError` of one that is not
    of ``format``.
    """
    import av  # only two of the data sets need it

    try:
        with av.open(file, "r", format=format) as container:
            to_mono = av.AudioResampler("s16", "mono", RATE)
            frames = [*container.decode(audio=0), None]
            blocks = [
                block.to_ndarray().reshape(-1)
                for frame in frames
                for block in to_mono.resample(frame)
            ]
    except av.FFmpegError as error:
        raise DataError(f"{what}: {error}") from error
    joined = np.concatenate([np.empty(0, np.int16), *blocks])
    return joined.astype(np.float32) / 2**15


def _written(path: Path, segments: list[FloatArray]) -> Path:
    write_wav(path, np.concatenate(segments), RATE)
    return path


SUFFIX = ".g722"


def join_prompts(
    folder: Path, output: Path, texts: Path, words: Collection[str], least_seconds: float = 0.0
) -> Iterator[Path]:
    """Write the prompts below ``folder`` (of one voice), those of at least ``least_seconds``, as
    ``output/<voice>_nohash_<n>.wav`` of about 15 s. Yields each.

    Left out is what has one of ``words`` in its English text, in every language ("no" is the
    same in several), and what has no text. Raises `MissingFileError`, and `DataError` for a
    folder without prompts and for a file that is none.
    """
    harmless = {name for name, text in _texts(texts).items() if not _spoken(text) & {*words}}
    files = sorted(folder.rglob(f"*{SUFFIX}"))
    if not files:
        raise DataError(f"{folder}: no {SUFFIX} files; apt install asterisk-core-sounds-fr-g722")
    kept = (
        _decoded(path)
        for path in files
        if path.relative_to(folder).with_suffix("").as_posix() in harmless
    )
    least = max(least_seconds, 0.1) * RATE
    yield from write_running(
        output, folder.name, (samples for samples in kept if len(samples) >= least)
    )


def _texts(path: Path) -> dict[str, str]:
    """``name: text`` a line; comments begin with a semicolon."""
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a gzip file of texts ({error})") from error
    except OSError as error:
        raise MissingFileError(
            f"{path}: {error.strerror}; apt install asterisk-core-sounds-en"
        ) from error
    parts = [line.split(":", 1) for line in lines if ":" in line and not line.startswith(";")]
    return {name.strip(): text for name, text in parts}


def _spoken(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def _decoded(path: Path) -> FloatArray:
    return decode(str(path), str(path), "g722")
