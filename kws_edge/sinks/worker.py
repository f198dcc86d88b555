"""A sink behind its own bounded queue and thread, so that a slow one holds up nobody."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol

from kws_edge.errors import KwsEdgeError
from kws_edge.events import Event

log = logging.getLogger(__name__)


class Sink(Protocol):
    """A destination. All three methods are called in the worker's thread alone.

    A sink that keeps, loses or fails at events after it took them may say how many in int
    attributes ``waiting``, ``dropped`` and ``failed``: the worker's figures include them.
    One that can be busy for long may have ``abort()``: it is called from another thread
    when `SinkWorker.close` ran out of time, and lets go of what must not stay behind.
    """

    @property
    def name(self) -> str: ...

    def open(self) -> None:
        """Connect, where there is something to connect to. Must not wait for long."""

    def handle(self, event: Event) -> None:
        """Deliver one event. May be slow; what it raises is logged and counted."""

    def close(self) -> None:
        """Let go of everything, within about 0.6 s."""


class SinkWorker:
    """Feeds a sink in order. A full queue drops the newest event and counts it."""

    def __init__(self, sink: Sink, capacity: int = 100) -> None:
        self.sink = sink
        self.handled = 0
        self._dropped = 0
        self._failed = 0
        self._fault = ""  # the last one logged: a fault that stays is told once
        self._queue: queue.Queue[Event | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Events not yet delivered."""
        return self._queue.qsize() + self._own("waiting")

    @property
    def dropped(self) -> int:
        """Events lost for want of room."""
        return self._dropped + self._own("dropped")

    @property
    def failed(self) -> int:
        """Events that the sink could not deliver."""
        return self._failed + self._own("failed")

    def put(self, event: Event) -> None:
        """Hand over an event; never waits."""
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self._dropped += 1
            if self._dropped == 1 or self._dropped % 100 == 0:
                log.warning("sink %s is behind: %d events dropped", self.sink.name, self._dropped)

    def close(self, timeout: float = 0.8) -> bool:
        """Let the queue run empty and end, within ``timeout`` seconds; whether it did."""
        deadline = time.monotonic() + timeout
        try:
            self._queue.put(None, timeout=timeout)
        except queue.Full:
            pass
        else:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        if not self._thread.is_alive():
            return True
        log.warning("sink %s did not end in time; %d events lost", self.sink.name, self.waiting)
        abort = getattr(self.sink, "abort", None)
        if abort is not None:
            self._attempt(abort)
        return False

    def _run(self) -> None:
        if not self._attempt(self.sink.open):
            log.error("sink %s did not open", self.sink.name)
        while (event := self._queue.get()) is not None:
            if self._attempt(self.sink.handle, event):
                self.handled += 1
                self._fault = ""
            else:
                self._failed += 1
        self._attempt(self.sink.close)

    def _attempt(self, action: Callable[..., None], *arguments: object) -> bool:
        try:
            action(*arguments)
        except Exception as error:  # a sink's fault must not end the daemon
            kind = "" if isinstance(error, KwsEdgeError) else f"{type(error).__name__}: "
            fault = f"{kind}{error}"
            if fault != self._fault:
                log.error("sink %s: %s", self.sink.name, fault)
            self._fault = fault
            return False
        return True

    def _own(self, figure: str) -> int:
        return int(getattr(self.sink, figure, 0))
