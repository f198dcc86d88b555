"""Counters of a running engine; exporters pull them."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from kws_edge.detection.detector import is_keyword
from kws_edge.events import Event
from kws_edge.sources.base import Block
from kws_edge.spotter import Decision
from kws_edge.verifier import Verdicts

if TYPE_CHECKING:
    from kws_edge.engine import Observer

# 0.1 ms to 100 ms: a decision is due every 20 to 100 ms, on machines from a laptop to a Pi Zero
INFERENCE_BOUNDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
MICROPHONE_STATES = ("open", "lost", "silent")
_STATE = {"open": "open", "back": "open", "sound": "open", "lost": "lost", "silent": "silent"}


class Queue(Protocol):
    """The figures of a `SinkWorker`."""

    @property
    def waiting(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def handled(self) -> int: ...


class Histogram:
    """How often values fell at or below each of ``bounds`` (rising), and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)  # the last: above all bounds
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def cumulative(self) -> list[int]:
        """For each bound how many were at or below it; last how many there were in all."""
        return list(accumulate(self._counts))


@dataclass(eq=False)
class Metrics:
    """An `Observer` of an engine.

    Where there are several ``models`` (their keywords by their names), ``each_model`` has the
    detections, near misses and inferences of each.

    ``audio_seconds`` (of the stream, lost audio included), ``rested_seconds`` (of them, without
    the network) and ``sinks`` (by name) are called when an exporter pulls, from its thread.
    """

    model_name: str
    labels: Iterable[str]
    audio_seconds: Callable[[], float] = lambda: 0.0
    sinks: Callable[[], Iterable[tuple[str, Queue]]] = lambda: ()
    inference: Histogram = field(default_factory=lambda: Histogram(INFERENCE_BOUNDS))
    samples_dropped: int = 0
    rested_seconds: Callable[[], float] = lambda: 0.0
    microphone_state: str = "lost"  # until it has been opened
    microphone_restarts: int = 0
    reloads: int = 0  # of the configuration
    verdicts: Verdicts | None = None  # of the second stage, where there is one
    models: Mapping[str, Iterable[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # from the start, for each keyword: a counter that appears at 1 hides its first event
        self.detections = {label: 0 for label in self.labels if is_keyword(label)}
        self.near_misses = dict(self.detections)
        several = self.models if len(self.models) > 1 else {}
        self.each_model = {name: Metrics(name, words) for name, words in several.items()}

    def add_sequences(self, names: Iterable[str]) -> None:
        """Count detections with these names of sequences too."""
        # exchanged as a whole: an exporter's thread may be reading it
        self.detections = dict.fromkeys((*self.detections, *names), 0) | self.detections

    def use_model(self, name: str, labels: Iterable[str]) -> None:
        """Count for another model; what was counted of earlier keywords stays."""
        self.model_name = name
        new = {label: 0 for label in labels if is_keyword(label)}
        self.detections, self.near_misses = new | self.detections, new | self.near_misses

    def block(self, block: Block) -> None: ...

    def decision(self, decision: Decision) -> None:
        """Count an inference."""
        if not decision.idle:
            self.inference.observe(decision.seconds)
            if decision.model in self.each_model:
                self.each_model[decision.model].decision(decision)

    def event(self, event: Event) -> None:
        """Count an event."""
        if (model := event.data.get("model")) in self.each_model:
            self.each_model[model].event(event)
        if event.type == "detection":
            self.detections[event.data["label"]] += 1
        elif event.type == "near_miss":
            self.near_misses[event.data["label"]] += 1
        elif event.type == "dropped":
            self.samples_dropped += event.data["samples"]
        elif event.type == "microphone":
            self.microphone_state = _STATE[event.data["state"]]
            self.microphone_restarts += event.data["state"] == "back"


class Relay:
    """An `Observer` that passes all on to those attached, which come and go while the engine
    runs: without any it costs nothing. Any thread attaches; calls come from the engine's."""

    def __init__(self) -> None:
        self._attached: tuple[Observer, ...] = ()  # exchanged as a whole: the engine needs no lock
        self._changing = threading.Lock()

    def attach(self, observer: "Observer") -> None:
        with self._changing:
            self._attached = (*self._attached, observer)

    def detach(self, observer: "Observer") -> None:
        with self._changing:
            self._attached = tuple(one for one in self._attached if one is not observer)

    def block(self, block: Block) -> None:
        for one in self._attached:
            one.block(block)

    def decision(self, decision: Decision) -> None:
        for one in self._attached:
            one.decision(decision)

    def event(self, event: Event) -> None:
        for one in self._attached:
            one.event(event)
