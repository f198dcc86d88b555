"""Raw PCM of any format, in pieces of any length, as float32 mono at the model's rate."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kws_edge.audio.files import from_pcm16, to_mono
from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray

SLICE_SECONDS = 0.1


@dataclass(frozen=True)
class PcmFormat:
    """``rate`` in Hz; ``width`` in bytes, little-endian and signed except for 1 byte, which
    is unsigned, as in WAV files; ``channels`` interleaved. Raises `ValidationErrors`."""

    rate: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        limits = {"rate": (1000, 384000), "width": (1, 4), "channels": (1, 32)}
        faults = []
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                faults.append(f"{name}: found {value!r:.40}, expected {low} to {high}")
        if faults:
            raise ValidationErrors(faults)

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return self.width * self.channels


class PcmStream:
    """Converts a stream; how it is cut up makes no difference."""

    def __init__(self, format_: PcmFormat, sample_rate: int) -> None:
        self.format = format_
        self.frames = 0  # whole ones so far
        self._rest = b""  # the beginning of a frame whose end has not come yet
        self._resampler = None
        if format_.rate != sample_rate:
            import soxr

            self._resampler = soxr.ResampleStream(format_.rate, sample_rate, 1)

    @property
    def seconds(self) -> float:
        """Time in the stream."""
        return self.frames / self.format.rate

    def push(self, data: bytes) -> Iterator[FloatArray]:
        """``data`` as samples ``[n]``, float32 in [-1, 1), at most 0.1 s at a time."""
        data = self._rest + data
        whole = len(data) - len(data) % self.format.frame
        self._rest = data[whole:]
        size = max(1, int(SLICE_SECONDS * self.format.rate)) * self.format.frame
        for start in range(0, whole, size):
            samples = decode(data[start : min(start + size, whole)], self.format)
            self.frames += len(samples)
            yield self._resampled(samples)

    def flush(self) -> FloatArray:
        """What the resampler still held, at the end of the stream."""
        return self._resampled(np.zeros(0, np.float32), last=True)

    def _resampled(self, samples: FloatArray, last: bool = False) -> FloatArray:
        if self._resampler is None:
            return samples
        result: FloatArray = self._resampler.resample_chunk(samples, last=last)
        return result


def decode(data: bytes, format_: PcmFormat) -> FloatArray:
    """Whole frames as mono samples ``[n]``, float32 in [-1, 1)."""
    return to_mono(_samples(data, format_.width).reshape(-1, format_.channels))


def _samples(data: bytes, width: int) -> FloatArray:
    """``[frames * channels]``; full scale is 1 at any width."""
    if width == 2:
        return from_pcm16(data)
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if width == 3:  # the upper three bytes of 32 bits
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data = padded.tobytes()
    return np.frombuffer(data, "<i4").astype(np.float32) / np.float32(2**31)
