"""Sources of audio: float32 blocks in [-1, 1), mono, at the rate asked for.

Sound files and arrays are here, and a wrapper that paces them; pipes and microphones have modules
of their own.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from kws_edge.audio.files import AudioReader
from kws_edge.types import FloatArray

BLOCK_SECONDS = 0.02
FILE_BLOCK_SECONDS = 0.25  # nobody waits for it, and each block costs a call through all parts
TICK_SECONDS = 0.25  # a live source that has no audio gives an empty block each


class AudioSource(Protocol):
    """Blocks of samples in order, until the source ends."""

    def blocks(self) -> Iterator["Block"]: ...


class Block:
    """``samples [n]``, n >= 0, and how many samples were ``lost`` just before them, why."""

    __slots__ = ("lost", "reason", "samples")

    def __init__(self, samples: FloatArray, lost: int = 0, reason: str = "") -> None:
        self.samples = samples
        self.lost = lost
        self.reason = reason


class AudioFile:
    """A sound file of any rate and channel count, read as a stream of mono blocks.

    ``seconds``: its length as the header announces it (infinite where it does not), and as
    counted once `blocks` has come to the end.
    """

    def __init__(self, path: str | Path, sample_rate: int = 16000) -> None:
        """Raises `MissingFileError`, and `DataError` for a file that holds no audio."""
        self._rate = sample_rate
        self._reader = AudioReader(Path(path))
        self.seconds = self._reader.announced_seconds

    def blocks(self) -> Iterator[Block]:
        """Raises `DataError` where the file breaks off behind a sound header, and for samples
        that are NaN or far beyond full scale."""
        total = 0
        with self._reader as reader:
            for samples in reader.blocks(self._rate, FILE_BLOCK_SECONDS):
                total += len(samples)
                yield Block(samples)
        self.seconds = total / self._rate


class Paced:
    """Another source at the pace of real time, or at most ``speed`` times as fast, in blocks as
    short as those of a microphone."""

    def __init__(self, source: AudioSource, sample_rate: int, speed: float = 1.0) -> None:
        self._source = source
        self._rate = sample_rate * speed
        self._longest = max(1, round(BLOCK_SECONDS * sample_rate))

    def blocks(self) -> Iterator[Block]:
        started, given = time.monotonic(), 0
        for block in self._parts():
            given += len(block.samples)
            ahead = started + given / self._rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            yield block

    def _parts(self) -> Iterator[Block]:
        for block in self._source.blocks():
            yield Block(block.samples[: self._longest], block.lost, block.reason)
            for start in range(self._longest, len(block.samples), self._longest):
                yield Block(block.samples[start : start + self._longest])


class Samples:
    """An array as a source, for tests and evaluation."""

    def __init__(self, samples: FloatArray, block_samples: int = 320) -> None:
        self._samples = samples
        self._block = block_samples

    def blocks(self) -> Iterator[Block]:
        for start in range(0, len(self._samples), self._block):
            yield Block(np.asarray(self._samples[start : start + self._block]))
