"""Running speech from many short recordings: several after one another, about 15 s each."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import av
import numpy as np

from kws_edge.audio.files import write_wav
from kws_edge.errors import DataError
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
