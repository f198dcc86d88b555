"""What every sink shares: its protocol, its worker, its context, and how it is declared.

A worker gives each sink a bounded queue and a thread of its own, so that a slow sink delays
neither the audio nor another sink.
"""

import logging
import queue
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from kws_edge.config.schema import setting
from kws_edge.detection.detector import unknown_keywords
from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.events import Event
from kws_edge.sinks.stdout import Stdout

if TYPE_CHECKING:  # reading a configuration needs neither
    from concurrent.futures import Future
    from pathlib import Path

    from kws_edge.audio.buffer import SampleBuffer
    from kws_edge.config.config import Config
    from kws_edge.detection.detector import DetectorConfig
    from kws_edge.metrics import Metrics, Relay

log = logging.getLogger(__name__)


def queue_setting(default: int, maximum: int = 10_000) -> Any:
    """The field ``queue`` of a sink's configuration."""
    return setting(
        default,
        doc="Events that may wait; when it is full, the newest is dropped and counted.",
        unit="events",
        minimum=1,
        maximum=maximum,
    )


class Sink(Protocol):
    """A destination. All three methods are called in the worker's thread alone.

    A sink that delivers events after `handle` returned counts them in int attributes:
    ``waiting``, ``dropped`` and ``failed``, which the worker adds to its own figures, and
    ``handled``, which takes the place of the worker's. Each event counts in one of them.
    One that can be busy for long may have ``abort()``: another thread calls it when
    `SinkWorker.close` ran out of time, and it ends what must not stay behind.
    """

    @property
    def name(self) -> str: ...

    def open(self) -> None:
        """Connect, where there is something to connect to. Must not wait for long."""

    def handle(self, event: Event) -> None:
        """Deliver one event. May be slow; what it raises is logged and counted."""

    def close(self) -> None:
        """Release everything, within about 0.6 s."""


@dataclass(frozen=True)
class ModelInForce:
    """A model at work: what the configuration calls it (``source``), its name and labels."""

    source: str
    name: str
    labels: tuple[str, ...]


class ModelControl(Protocol):
    """The model at work, for any thread."""

    @property
    def in_force(self) -> ModelInForce: ...

    def use(self, source: str | None) -> "Future[None]":
        """Load another model and go on with it, between two blocks of audio, until the
        configuration is read again; None: that of the configuration. The future raises
        `KwsEdgeError` where it does not load or does not fit the configuration; then nothing
        has changed."""


@dataclass(frozen=True)
class SettingsInForce:
    """What can be changed while kws-edge runs.

    ``preset`` is None where thresholds differ from those of every preset. ``keywords`` are those
    that are spotted; ``thresholds`` has every keyword of the model.
    """

    mute: bool
    preset: str | None
    keywords: tuple[str, ...]
    thresholds: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """As the event ``settings`` has them, and as `DetectorControl.change` takes them."""
        return {**vars(self), "keywords": list(self.keywords), "thresholds": {**self.thresholds}}

    def describe(self) -> str:
        """In one line, for people."""
        each = ", ".join(f"{word} {self.thresholds[word]:g}" for word in self.keywords)
        return f"{'muted, ' * self.mute}preset {self.preset or 'none'}, {each}"


class DetectorControl(Protocol):
    """The settings that can be changed while kws-edge runs, for any thread."""

    @property
    def in_force(self) -> SettingsInForce: ...

    @property
    def presets(self) -> "Mapping[str, DetectorConfig]":
        """Those of the model, its own settings (``default``) among them."""

    @property
    def file(self) -> "Path | None":
        """The configuration file in use."""

    def change(self, document: object) -> "Future[None]":
        """Any of ``mute``, ``preset``, ``keywords`` and ``thresholds``, on top of the settings in
        force, or None for those of the configuration; in force between two blocks of audio. They
        hold until the configuration is read again, mute until the configuration's own value
        changes. It or the future raises `KwsEdgeError`."""

    def write(self) -> Sequence[str]:
        """Write the settings in force into ``file``, and nothing else there; notes about what will
        replace them at the next start. Raises `ConfigError`, and then the file is as it was."""


@dataclass(frozen=True)
class SinkContext:
    """What sinks may use of the engine.

    ``labels`` and ``model_name`` are the model's, ``sample_rate`` is in Hz; ``sequences`` are the
    names that detections of several words have. ``ring`` holds the
    recent audio that `SinkNeeds.audio_seconds` asked for; ``relay`` passes on blocks and decisions;
    ``detector`` has the settings that can be changed, ``models`` exchanges the model; ``settings``
    are those of all sinks, by key; ``config`` is the whole configuration.
    None: not available, or not wanted.
    """

    labels: Sequence[str]
    model_name: str
    sample_rate: int
    ring: "SampleBuffer | None" = None
    metrics: "Metrics | None" = None
    stdout: Stdout | None = None
    relay: "Relay | None" = None
    detector: "DetectorControl | None" = None
    models: "ModelControl | None" = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    sequences: Sequence[str] = ()
    config: "Config | None" = None

    def check_keywords(self, where: str, keywords: Sequence[str]) -> None:
        """Raises `ConfigError` naming every word that no detection has as its label."""
        if faults := unknown_keywords(where, keywords, (*self.labels, *self.sequences)):
            raise ConfigError("; ".join(faults))


@dataclass(frozen=True)
class SinkPlan:
    """A sink that has not begun. Plans with equal ``identity`` make equal sinks: a reload
    keeps the one that is at work."""

    sink: Sink
    capacity: int
    identity: Hashable


@dataclass(frozen=True)
class SinkNeeds:
    """What a sink needs from the start of the engine; another value takes a restart.

    ``audio_seconds`` of recent audio in `SinkContext.ring`; near misses from the share
    ``near_miss`` of a threshold (0: none).
    """

    audio_seconds: float = 0.0
    near_miss: float = 0.0

    def __bool__(self) -> bool:
        """Whether it needs anything."""
        return self != SinkNeeds()


@dataclass(frozen=True)
class SinkKind:
    """A kind of sink; its module holds it as ``SINK``, see `kws_edge.sinks.SINKS`.

    ``settings`` is the frozen dataclass below its key of the configuration; with ``many`` the
    key holds a list of them. ``plan(name, settings, context)`` makes a sink that has not begun
    or returns None where the context lacks what it needs; it raises `ConfigError`.
    ``check``, with the same arguments, returns faults and changes nothing on the system; without
    it the faults are those that ``plan`` raises.
    """

    doc: str
    settings: type
    plan: Callable[[str, Any, SinkContext], SinkPlan | None]
    check: Callable[[str, Any, SinkContext], list[str]] | None = None
    needs: Callable[[Any], SinkNeeds] = lambda settings: SinkNeeds()
    many: bool = False

    def each(self, key: str, settings: Any) -> list[tuple[str, Any]]:
        """Name and settings of each sink that ``settings``, the value of ``key``, asks for."""
        if self.many:
            return [(f"{key}[{index}]", one) for index, one in enumerate(settings or ())]
        return [] if settings is None else [(key, settings)]

    def faults(self, name: str, settings: Any, context: SinkContext) -> list[str]:
        """What keeps this sink from working here, without beginning it."""
        if self.check:
            return self.check(name, settings, context)
        try:
            self.plan(name, settings, context)
        except KwsEdgeError as error:
            return [str(error)]
        return []


class SinkWorker:
    """Feeds a sink in order. A full queue drops the newest event and counts it.

    Every event put is in one of ``handled``, ``dropped``, ``failed``, ``waiting``, or in hand.
    """

    def __init__(self, sink: Sink, capacity: int = 100, begin: bool = True) -> None:
        """``begin``: open the sink at once. Raises `KwsEdgeError` without a thread for it."""
        self.sink = sink
        self._handled = 0
        self._dropped = 0
        self._failed = 0
        self._fault = ""  # the last one logged: a fault that stays is logged once
        self._capacity = capacity
        # `put` keeps to the capacity, so that the None that ends the worker always has room
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._finished = self._discarded = False
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # the limit of tasks of the user or the service
            raise KwsEdgeError(f"sink {sink.name}: {error}") from error
        if begin:
            self.begin()

    def begin(self) -> None:
        """Open the sink and feed it."""
        self._begun.set()

    def discard(self) -> None:
        """End without having opened the sink."""
        self._discarded = True
        self._begun.set()

    @property
    def handled(self) -> int:
        """Events delivered."""
        return self._own("handled") if hasattr(self.sink, "handled") else self._handled

    @property
    def waiting(self) -> int:
        """Events not yet delivered."""
        return max(0, self._queue.qsize() - self._finished) + self._own("waiting")

    @property
    def dropped(self) -> int:
        """Events dropped because the queue was full."""
        return self._dropped + self._own("dropped")

    @property
    def failed(self) -> int:
        """Events that the sink could not deliver."""
        return self._failed + self._own("failed")

    def put(self, event: Event) -> None:
        """Hand over an event; never waits."""
        if self._queue.qsize() < self._capacity:
            self._queue.put(event)
            return
        self._dropped += 1
        if self._dropped == 1 or self._dropped % 100 == 0:
            log.warning("sink %s is behind: %d events dropped", self.sink.name, self._dropped)

    def finish(self) -> None:
        """Let the queue run empty and end; never waits."""
        self._finished = True
        self._queue.put(None)

    def close(self, timeout: float = 0.8) -> bool:
        """`finish`, and wait at most ``timeout`` seconds for it; whether it ended."""
        self.finish()
        return self.ended(timeout)

    def ended(self, timeout: float) -> bool:
        """Whether it ended within ``timeout`` seconds of `finish`; aborts what did not."""
        self._thread.join(max(0.0, timeout))
        if not self._thread.is_alive():
            return True
        log.warning("sink %s did not end in time; %d events lost", self.sink.name, self.waiting)
        abort = getattr(self.sink, "abort", None)
        if abort is not None:
            self._attempt(abort)
        return False

    def _run(self) -> None:
        self._begun.wait()
        if self._discarded:
            return
        if not self._attempt(self.sink.open):
            log.error("sink %s did not open", self.sink.name)
        while (event := self._queue.get()) is not None:
            if self._attempt(self.sink.handle, event):
                self._handled += 1
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
