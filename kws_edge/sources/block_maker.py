"""Packets of one stream of a device into blocks for the spotter, and what is amiss in them."""

import math
from typing import Literal

from kws_edge.config.config import MicrophoneConfig
from kws_edge.sources.base import Block
from kws_edge.sources.capture import Packet
from kws_edge.sources.capture_format import CaptureFormat
from kws_edge.sources.clock import SampleClock
from kws_edge.sources.conversion import Converter
from kws_edge.sources.silence import SilenceWatch


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
