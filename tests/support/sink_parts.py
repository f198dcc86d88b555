"""Events to feed sinks with, and waiting for what they do."""

import time
from collections.abc import Callable
from typing import TypeVar

from kws_edge.detection.detector import Detection
from kws_edge.events import Event, EventFactory

T = TypeVar("T")

DEADLINE = 30.0  # far more than it takes: the machine may be busy


def wait_for(condition: Callable[[], T], what: str, timeout: float = DEADLINE) -> T:
    """The first true value of ``condition``."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout:g} s in vain for {what}"
        time.sleep(0.02)
    return value


def detections(count: int, label: str = "yes", factory: EventFactory | None = None) -> list[Event]:
    """Events one second apart."""
    factory = factory or EventFactory(16000)
    return [
        factory.detection(Detection(label, 0.91234, 16000 * n, float(n)))
        for n in range(1, count + 1)
    ]


class Collecting:
    """A sink that keeps what it gets."""

    def __init__(self, name: str = "collecting") -> None:
        self.name = name
        self.events: list[Event] = []
        self.closed = False

    def open(self) -> None: ...

    def handle(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed = True
