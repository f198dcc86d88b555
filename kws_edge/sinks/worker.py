"""A sink behind its own bounded queue and thread, so that a slow one holds up nobody."""

import logging
import queue
import threading
import time
from typing import Protocol

from kws_edge.events import Event

log = logging.getLogger(__name__)


class Sink(Protocol):
    """A destination. All three methods are called in the worker's thread alone."""

    @property
    def name(self) -> str: ...

    def open(self) -> None:
        """Connect, where there is something to connect to. Must not wait for long."""

    def handle(self, event: Event) -> None:
        """Deliver one event. May be slow; what it raises is logged and counted."""

    def close(self) -> None:
        """Let go of everything."""


class SinkWorker:
    """Feeds a sink in order. A full queue drops the newest event and counts it."""

    def __init__(self, sink: Sink, capacity: int = 100) -> None:
        self.sink = sink
        self.handled = 0
        self.dropped = 0
        self.failed = 0
        self._queue: queue.Queue[Event | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Events in the queue."""
        return self._queue.qsize()

    def put(self, event: Event) -> None:
        """Hand over an event; never waits."""
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1 or self.dropped % 100 == 0:
                log.warning("sink %s is behind: %d events dropped", self.sink.name, self.dropped)

    def close(self, timeout: float = 0.8) -> bool:
        """Let the queue run empty and end, within ``timeout`` seconds; whether it did."""
        deadline = time.monotonic() + timeout
        try:
            self._queue.put(None, timeout=timeout)
        except queue.Full:
            return False
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        if not self._attempt(self.sink.open):
            log.error("sink %s did not open; its events are lost", self.sink.name)
        while (event := self._queue.get()) is not None:
            if self._attempt(self.sink.handle, event):
                self.handled += 1
            else:
                self.failed += 1
        self._attempt(self.sink.close)

    def _attempt(self, action: object, *arguments: object) -> bool:
        try:
            action(*arguments)  # type: ignore[operator]
        except Exception as error:  # a sink's fault must not end the daemon
            log.error("sink %s: %s: %s", self.sink.name, type(error).__name__, error)
            return False
        return True
