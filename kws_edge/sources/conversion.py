"""Packets of a device into mono blocks at the model's rate, each with the samples lost before it.

Sound systems drop audio silently: a buffer of the sound server that overflowed, a laptop that
slept. `SampleClock` compares the samples with the clock. A block may come late, but samples that
are still missing after two seconds of steady delivery will not come.
"""

import math
from typing import Literal

from kws_edge.audio.files import from_pcm16, to_mono
from kws_edge.audio.resampling import ResampleStream, resample_stream
from kws_edge.sources.base import Block
from kws_edge.sources.capture import CaptureFormat, Instant, MicrophoneConfig, Packet
from kws_edge.types import FloatArray

WINDOW_SECONDS = 2.0  # the least delay within it counts
SETTLING_SECONDS = 0.5  # the first blocks of a stream come as they like
TOLERANCE_SECONDS = 0.2  # more than the delay of a sound server varies
WARNED_TOLERANCE_SECONDS = 0.05  # after an overflow
START_SECONDS = 0.5  # a stream whose first two seconds are later than this has lost audio in them
DRIFT = 5e-4  # no two quartzes differ by more
SLEEP_SECONDS = 1.0  # more than the two clocks can be read apart


class SampleClock:
    """Counts the samples that went missing, from all that a device delivers and when."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._start: float | None = None
        self._samples = 0  # delivered, or known to be missing
        self._usual: float | None = None  # least delay of steady delivery, seconds
        self._last = self._asleep = 0.0
        self._settling = SETTLING_SECONDS
        self._warned = 0  # windows to come in which a loss is expected
        self._least, self._observed = math.inf, 0.0

    def push(self, samples: int, at: Instant, overflow: bool = False) -> int:
        """``samples`` were delivered at that instant; the samples newly found missing.

        An ``overflow`` does not say how many samples it cost, often none: it only makes
        the clock be looked at more closely in the seconds after it.
        """
        if self._start is None:
            self._start = at.time - samples / self._rate
            self._last, self._asleep = at
        if overflow:
            self._warned = 2
        slept = at.asleep - self._asleep
        self._asleep = at.asleep
        missing = round(slept * self._rate) if slept > SLEEP_SECONDS else 0
        self._samples += samples + missing
        found = self._observe(at.time)
        self._samples += found
        return missing + found

    def _observe(self, at: float) -> int:
        """Samples that are missing for good, by the window that ends now, if any does."""
        delay = at - (self._start or 0.0) - self._samples / self._rate
        # neither a pause nor the burst that makes up for it is steady delivery
        steady = min(at - self._last, 0.1)
        self._last = at
        if self._settling > 0:
            self._settling -= steady
            return 0
        self._least = min(self._least, delay)
        self._observed += steady
        if self._observed < WINDOW_SECONDS:
            return 0
        least, warned = self._least, self._warned > 0
        self._least, self._observed = math.inf, 0.0
        self._warned -= warned
        if self._usual is None:
            self._usual = least if least < START_SECONDS else 0.0
        if least - self._usual > (WARNED_TOLERANCE_SECONDS if warned else TOLERANCE_SECONDS):
            return round((least - self._usual) * self._rate)
        self._usual = min(least, self._usual + DRIFT * WINDOW_SECONDS)
        return 0


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
        return self._resampler.resample_chunk(samples)

    def flush(self) -> FloatArray:
        """What the filter holds, as before a gap; the next samples start a new stream."""
        if self._resampler is None:
            return from_pcm16(b"")
        rest = self._resampler.resample_chunk(from_pcm16(b""), last=True)
        self._resampler = self._new_resampler()
        return rest

    def _new_resampler(self) -> ResampleStream | None:
        if self._rates[0] == self._rates[1]:
            return None
        return resample_stream(*self._rates)


class SilenceWatch:
    """Detects a stretch of zeros or of one constant, and its end."""

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
