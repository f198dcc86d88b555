"""The microphone, through PortAudio, for as long as it is there."""

import queue
from collections.abc import Iterator
from types import TracebackType
from typing import Literal

from kws_edge.config.config import MicrophoneConfig
from kws_edge.errors import AudioDeviceError
from kws_edge.sources.base import BLOCK_SECONDS, Block
from kws_edge.sources.capture import Capture, CaptureCounts, Packet
from kws_edge.sources.conversion import BlockAssembler
from kws_edge.sources.supervisor import STALL_SECONDS


class Microphone:
    """Blocks from an input device, as a context manager; an error when it goes away.

    with Microphone() as microphone:
        for block in microphone.blocks():
            spotter.push(block.samples)  # float32 [n] in [-1, 1), mono, at ``sample_rate``

    The daemon has `ReconnectingMicrophone` instead, which survives the loss of its device.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        device: int | str | None = None,
        channel: int | Literal["mix"] = "mix",
    ) -> None:
        """``device``: index, name or part of a name, None for the system's default; ``channel``
        counts from 0, ``mix`` averages all. The device opens when the context is entered."""
        self._rate = sample_rate
        self._config = MicrophoneConfig(device=device, channel=channel)
        self._queue: queue.SimpleQueue[Packet | None] = queue.SimpleQueue()
        self._limit = round(self._config.queue_seconds / BLOCK_SECONDS)
        self._counts = CaptureCounts()
        self.samples_lost = 0

    @property
    def overflows(self) -> int:
        """How often the sound system dropped audio before it reached this program."""
        return self._counts.overflows

    def __enter__(self) -> "Microphone":
        """Open and start. Raises `AudioDeviceError` with what to do about it."""
        self._capture = Capture(
            self._rate,
            self._config,
            self._queue.put,
            full=lambda: self._queue.qsize() >= self._limit,
            finished=lambda: self._queue.put(None),
            counts=self._counts,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._capture.close()

    def __str__(self) -> str:
        return str(self._capture)

    def blocks(self) -> Iterator[Block]:
        """Blocks of about 20 ms, each with the number of samples lost before it.

        Raises `AudioDeviceError` when the device stops giving audio.
        """
        assembler = BlockAssembler(self._capture.format, self._rate, self._config)
        while True:
            try:
                packet = self._queue.get(timeout=STALL_SECONDS)
            except queue.Empty:
                packet = None
            if packet is None:
                raise AudioDeviceError(
                    "no audio from the microphone any more: was it unplugged, or the sound"
                    " server stopped?"
                )
            for block in assembler.blocks(packet):
                self.samples_lost += block.lost
                yield block
