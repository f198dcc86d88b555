"""Packets of a device into mono blocks at the model's rate, each with what was lost before it."""

import math
from typing import Any, Literal

from kws_edge.audio.files import from_pcm16, to_mono
from kws_edge.config.config import MicrophoneConfig
from kws_edge.sources.base import Block
from kws_edge.sources.capture import CaptureFormat, Packet
from kws_edge.sources.clock import SampleClock
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


class SilenceWatch:
    """Notices a stretch of nothing but zeros, or of one constant, and its end."""

    def __init__(self, samples: int) -> None:
        self._limit = samples
        self._value: float | None = None
        self._run = 0  # samples of that value so far
        self.silent = False

    def push(self, samples: FloatArray) -> Literal["silent", "sound"] | None:
        """Take ``samples [n]``; the change they bring, if any."""
        if not len(samples):
            return None
        low, high = float(samples.min()), float(samples.max())
        if low != high:
            self._value, self._run = None, 0
        elif low == self._value:
            self._run += len(samples)
        else:
            self._value, self._run = low, len(samples)
        silent = self._run >= self._limit
        if silent == self.silent or (self.silent and self._run):
            return None  # one constant after another is no sound
        self.silent = silent
        return "silent" if silent else "sound"


class BlockAssembler:
    """Mono blocks at the model's rate, each with what was lost before it.

    ``change`` is what the last packet brought: ``silent``, ``sound`` or None.
    """

    def __init__(self, source: CaptureFormat, sample_rate: int, config: MicrophoneConfig) -> None:
        self._converter = Converter(source, sample_rate, config.channel)
        self._timekeeper = SampleClock(source.sample_rate)
        self._silence = SilenceWatch(round(config.silence_seconds * source.sample_rate))
        self._ratio = sample_rate / source.sample_rate
        self.change: Literal["silent", "sound"] | None = None

    def blocks(self, packet: Packet) -> list[Block]:
        """One block; two where audio is missing, the first with what the resampler held."""
        frames = packet.dropped + packet.frames
        missing = self._timekeeper.push(frames, packet.at, packet.overflow)
        lost, reason = packet.dropped + missing, _reason(packet, missing)
        before = [self.flush()] if lost else []
        samples = self._converter.mono(packet.data)
        self.change = self._silence.push(samples)
        lost = math.ceil(lost * self._ratio)
        return [*before, Block(self._converter.resample(samples), lost, reason)]

    def flush(self) -> Block:
        """The last samples before a gap, or before the end."""
        return Block(self._converter.flush())


def _reason(packet: Packet, missing: int) -> str:
    reasons = {
        "the queue was full": packet.dropped,
        "audio is missing by the clock": missing,
    }
    return ", ".join(reason for reason, holds in reasons.items() if holds)
