"""The microphone through PortAudio: one that fails with its device, and one that reconnects."""

import queue
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Literal

import numpy as np

from kws_edge.errors import AudioDeviceError
from kws_edge.events import MicrophoneState
from kws_edge.sources.base import BLOCK_SECONDS, TICK_SECONDS, Block
from kws_edge.sources.capture import Capture, CaptureCounts, Instant, MicrophoneConfig, Packet, now
from kws_edge.sources.conversion import BlockAssembler
from kws_edge.sources.supervisor import STALL_SECONDS, Failed, Lost, PortAudioSupervisor


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


OPEN_SECONDS = 10.0  # for a sound system to answer at the start
CLOSE_SECONDS = 0.4

OnState = Callable[[MicrophoneState, str], None]


class ReconnectingMicrophone:
    """Blocks from an input device until `close`, as a context manager.

    ``on_state`` is called once for each change of the device, with a reason, in the thread that
    reads the blocks and at the place in the stream where it happened:
    ``open`` at the first audio, ``lost``, ``back`` after each loss, ``silent`` and
    ``sound``. Stream time goes on meanwhile: the first block after a gap says how much was
    lost.

    With ``wait_for_device`` the device may be absent at the start (PortAudio may not), else
    entering raises `AudioDeviceError`. One such object a process: PortAudio's list of devices is
    global.
    """

    def __init__(
        self,
        sample_rate: int,
        config: MicrophoneConfig | None = None,
        on_state: OnState | None = None,
        wait_for_device: bool = False,
        clock: Callable[[], Instant] = now,
    ) -> None:
        self._rate = sample_rate
        self._config = config or MicrophoneConfig()
        self._on_state = on_state
        self._wait_for_device = wait_for_device
        self._supervisor = PortAudioSupervisor(sample_rate, self._config, clock)
        self._closing = False
        self._source: Capture | None = None  # the one that the last packet came from
        self._assembler: BlockAssembler | None = None
        self._last: Instant | None = None  # when the last packet came
        self.state: MicrophoneState = "lost"
        self._reported = False
        self.samples_lost = 0
        self.restarts = 0

    @property
    def overflows(self) -> int:
        """How often the sound system dropped audio before it reached this program."""
        return self._supervisor.counts.overflows

    @property
    def underflows(self) -> int:
        """How often PortAudio put zeros where the device gave too little."""
        return self._supervisor.counts.underflows

    @property
    def blocks_dropped(self) -> int:
        """Blocks that found the queue full."""
        return self._supervisor.counts.blocks_dropped

    def __enter__(self) -> "ReconnectingMicrophone":
        self._supervisor.start()
        # no waiting brings PortAudio itself
        answer = self._supervisor.loaded if self._wait_for_device else self._supervisor.opened
        try:
            error = _wait_for(answer)
        except queue.Empty:
            error = AudioDeviceError(
                f"the sound system has not answered for {OPEN_SECONDS:g} s: is the sound"
                " server stopped or overloaded?"
            )
            error = None if self._wait_for_device else error
        if error:
            self.__exit__(None, None, None)
            raise error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        self._supervisor.join(CLOSE_SECONDS)

    def close(self) -> None:
        """Make `blocks` end; at once, from any thread or signal handler."""
        self._closing = True
        self._supervisor.close()

    def blocks(self) -> Iterator[Block]:
        """Blocks until `close`. While there is no audio, an empty one each 0.25 s, so that
        the reader can see to other things.

        Raises `AudioDeviceError` where no waiting will help: no PortAudio, or one that is
        stuck for good.
        """
        while not self._closing:
            try:
                item = self._supervisor.items.get(timeout=TICK_SECONDS)
            except queue.Empty:
                self._supervisor.check()
                yield Block(np.zeros(0, np.float32))
                continue
            if isinstance(item, Failed):
                raise item.error
            if isinstance(item, Lost):
                yield from self._flush()
                self._report("lost", item.reason)
            elif item is not None:
                yield from self._blocks_of(item)

    def _blocks_of(self, packet: Packet) -> Iterator[Block]:
        gap = 0
        if self._assembler is None or packet.source is not self._source:
            gap = self._begin(packet)
        assert self._assembler
        self._last = packet.at
        *before, block = self._assembler.blocks(packet)
        if gap:
            block = Block(block.samples, block.lost + gap, "the microphone was away")
        self.samples_lost += block.lost
        yield from before
        yield block
        if self._assembler.change:
            self._report(self._assembler.change, str(packet.source))

    def _begin(self, packet: Packet) -> int:
        """The first packet of a stream: samples lost since the last of the one before."""
        rate = packet.source.format.sample_rate
        self._assembler = BlockAssembler(packet.source.format, self._rate, self._config)
        self._source = packet.source
        self._report("back" if self._reported else "open", str(packet.source))
        if self._last is None:
            return 0
        self.restarts += 1
        away = packet.at.time - packet.frames / rate - self._last.time
        return max(0, round(away * self._rate))

    def _flush(self) -> Iterator[Block]:
        if self._assembler:
            yield self._assembler.flush()
            self._assembler = None

    def _report(self, state: MicrophoneState, reason: str) -> None:
        if self._reported and state == self.state == "lost":
            return  # once a loss is enough
        self._reported, self.state = True, state
        if self._on_state:
            self._on_state(state, reason)


def _wait_for(answer: "queue.SimpleQueue[AudioDeviceError | None]") -> AudioDeviceError | None:
    """The answer within `OPEN_SECONDS`; raises `queue.Empty`.

    In short waits: Python handles a signal that comes just before one only after it.
    """
    deadline = time.monotonic() + OPEN_SECONDS
    while True:
        try:
            return answer.get(timeout=TICK_SECONDS)
        except queue.Empty:
            if time.monotonic() > deadline:
                raise
