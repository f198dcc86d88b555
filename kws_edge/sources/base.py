"""Sources of audio: float32 blocks in [-1, 1), mono, at the rate asked for.

Sound files, raw PCM from a pipe and arrays are here, and a wrapper that paces them; microphones
have modules of their own.
"""

import os
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from kws_edge.audio.files import from_pcm16, open_audio, to_mono
from kws_edge.errors import DataError
from kws_edge.types import FloatArray

BLOCK_SECONDS = 0.02
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
    """A sound file of any rate and channel count, read as a stream of mono blocks."""

    def __init__(self, path: str | Path, sample_rate: int = 16000) -> None:
        """Raises `MissingFileError`, and `DataError` for a file that holds no audio."""
        path = Path(path)
        self._path = path
        self._rate = sample_rate
        self._file = open_audio(path)
        self.seconds = self._file.frames / self._file.samplerate

    def blocks(self) -> Iterator[Block]:
        """Raises `DataError` where the file breaks off behind a sound header."""
        resampler = None
        if self._file.samplerate != self._rate:
            import soxr

            resampler = soxr.ResampleStream(self._file.samplerate, self._rate, 1)
        size = max(1, int(BLOCK_SECONDS * self._file.samplerate))
        with self._file as file:
            while True:
                try:
                    frames = file.read(size, dtype="float32", always_2d=True)
                except RuntimeError as error:
                    raise DataError(f"{self._path}: breaks off ({error})") from error
                samples, last = to_mono(frames), len(frames) < size
                if resampler:
                    samples = resampler.resample_chunk(samples, last=last)
                yield Block(samples)
                if last:
                    return


class RawPcm:
    """Raw 16-bit little-endian mono PCM at the model's rate, as from ``arecord -t raw``."""

    def __init__(self, stream: BinaryIO, sample_rate: int) -> None:
        self._stream = stream
        self._size = 2 * max(1, int(BLOCK_SECONDS * sample_rate))

    def blocks(self) -> Iterator[Block]:
        """While a pipe gives nothing, an empty block each 0.25 s, so that the reader can see to
        other things, as to a signal. Raises `DataError` where the stream ends within a sample."""
        odd = b""
        for data in self._pieces():
            data = odd + data
            whole = len(data) & ~1
            odd = data[whole:]
            yield Block(from_pcm16(data[:whole]))
        if odd:
            raise DataError("standard input: ends within a sample; expected 16-bit mono PCM")

    def _pieces(self) -> Iterator[bytes]:
        """What is there, without waiting for a full block; nothing after `TICK_SECONDS`."""
        try:
            descriptor = self._stream.fileno()
        except OSError:  # bytes in memory
            yield from iter(lambda: self._stream.read(self._size), b"")
            return
        poll = select.poll()  # unlike select(), for descriptors above 1023 too
        poll.register(descriptor, select.POLLIN)
        while True:
            if not poll.poll(TICK_SECONDS * 1000):
                yield b""
            elif data := os.read(descriptor, self._size):
                yield data
            else:
                return


class Paced:
    """Another source at the pace of real time, or at most ``speed`` times as fast."""

    def __init__(self, source: AudioSource, sample_rate: int, speed: float = 1.0) -> None:
        self._source = source
        self._rate = sample_rate * speed

    def blocks(self) -> Iterator[Block]:
        started, given = time.monotonic(), 0
        for block in self._source.blocks():
            given += len(block.samples)
            ahead = started + given / self._rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            yield block


class Samples:
    """An array as a source, for tests and evaluation."""

    def __init__(self, samples: FloatArray, block_samples: int = 320) -> None:
        self._samples = samples
        self._block = block_samples

    def blocks(self) -> Iterator[Block]:
        for start in range(0, len(self._samples), self._block):
            yield Block(np.asarray(self._samples[start : start + self._block]))
