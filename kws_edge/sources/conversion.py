"""From what a device gives to mono at the rate of the model, in one unbroken stream."""

from typing import Any, Literal

from kws_edge.audio.files import from_pcm16, to_mono
from kws_edge.sources.capture_format import CaptureFormat
from kws_edge.types import FloatArray


class Converter:
    """Picks a channel (from 0) or averages all, then resamples with libsoxr."""

    def __init__(
        self, source: CaptureFormat, sample_rate: int, channel: int | Literal["mix"] = "mix"
    ) -> None:
        self._channels = source.channels
        self._channel = channel
        self._rates = (source.sample_rate, sample_rate)
        self._resampler = self._new_resampler()

    def mono(self, data: bytes) -> FloatArray:
        """Interleaved int16 ``[n * channels]`` as float32 ``[n]`` in [-1, 1), same rate."""
        samples = from_pcm16(data).reshape(-1, self._channels)  # [n, channels]
        if self._channel == "mix":
            return to_mono(samples)
        return samples[:, self._channel].copy()

    def resample(self, samples: FloatArray) -> FloatArray:
        """``samples [n]`` at the target rate; what the filter still holds comes later."""
        if self._resampler is None:
            return samples
        resampled: FloatArray = self._resampler.resample_chunk(samples)
        return resampled

    def flush(self) -> FloatArray:
        """What the filter holds, as before a gap; the next samples start a new stream."""
        if self._resampler is None:
            return from_pcm16(b"")
        rest: FloatArray = self._resampler.resample_chunk(from_pcm16(b""), last=True)
        self._resampler = self._new_resampler()
        return rest

    def _new_resampler(self) -> Any:
        if self._rates[0] == self._rates[1]:
            return None
        import soxr

        return soxr.ResampleStream(*self._rates, 1)
