"""The daemon: one source through the spotter to the sinks, until it is told to stop.

Runs in the main thread. Signals only set flags; everything is done between two blocks of
audio, so that nothing is ever half done.
"""

import dataclasses
import logging
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

from kws_edge.config.config import Config, needs_restart
from kws_edge.daemon.service_manager import ServiceManager
from kws_edge.errors import KwsEdgeError, ValidationErrors
from kws_edge.events import Event, EventFactory, MicrophoneState
from kws_edge.sinks.build import SinkContext, Sinks
from kws_edge.sources.base import AudioSource, Block
from kws_edge.spotter import Decision, KeywordSpotter

log = logging.getLogger(__name__)


class Observer(Protocol):
    """Looks on: metrics, a live view, a buffer of recent audio. Must be quick."""

    def block(self, block: Block) -> None: ...

    def decision(self, decision: Decision) -> None: ...

    def event(self, event: Event) -> None: ...


class Daemon:
    """``around`` is what the sinks need; ``reload`` reads the configuration again."""

    def __init__(
        self,
        config: Config,
        spotter: KeywordSpotter,
        around: SinkContext,
        reload: Callable[[], Config],
        observers: Sequence[Observer] = (),
    ) -> None:
        """Raises `ConfigError` where a sink cannot be made."""
        self._started_with = config
        self.spotter = spotter
        self._around = self._connected(around)
        self.sinks = Sinks(config, self._around)
        self.events = EventFactory(spotter.features.sample_rate)
        self.detections = 0
        self.samples_lost = 0
        self._read = reload
        self._observers = tuple(observers)
        self._manager = ServiceManager()
        self._stop_reason = ""
        self._reload_asked = False
        self._microphone = "not open yet"
        spotter.on_decision = self._decided

    def run(self, source: AudioSource, announce: Callable[[], None] = lambda: None) -> str:
        """Until the source ends or a signal comes; the reason. Sinks are flushed and closed.

        ``announce`` is called when signals are heeded: whoever reads it may send one at once.
        """
        before = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, self._on_stop),
            signal.SIGINT: signal.signal(signal.SIGINT, self._on_stop),
            signal.SIGHUP: signal.signal(signal.SIGHUP, self._on_reload),
        }
        try:
            announce()
            for block in source.blocks():
                self._take(block)
                if self._stop_reason:
                    break
                if self._reload_asked:
                    self._reload_asked = False
                    self.reload()
            self._end(self._stop_reason or "the source ended")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.sinks.close()
        return self._stop_reason

    def stop(self, reason: str) -> None:
        """End after the block under way."""
        self._stop_reason = self._stop_reason or reason

    def microphone(self, state: MicrophoneState, reason: str = "") -> None:
        """The microphone's state has changed; called between two blocks."""
        self._microphone = state
        if state != "open":
            log.warning("microphone %s: %s", state, reason)
        self._emit(
            self.events.make("microphone", self.spotter.samples_heard, state=state, reason=reason)
        )

    def reload(self) -> None:
        """Take over what a new configuration changes; a faulty one changes nothing."""
        self._manager.reloading()
        try:
            config = self._read()
            detector = config.detector.applied_to(self.spotter.base_config, self.spotter.presets)
            self.sinks.exchange(config, self._around)
            self.spotter.reconfigure(detector)
        except (KwsEdgeError, ValidationErrors) as error:
            log.error("the configuration stays as it was: %s", error)
        else:
            # compared with the start: what a reload cannot change stays said until a restart
            if names := needs_restart(self._started_with, config):
                log.warning("changes of %s take a restart", ", ".join(names))
            if self._around.metrics:
                self._around.metrics.reloads += 1
            log.info("configuration reloaded")
        self._manager.ready(self._status)

    def _take(self, block: Block) -> None:
        if block.lost:
            self._lost(block)
        for observer in self._observers:
            observer.block(block)
        if self._around.ring:
            self._around.ring.push(block.samples)
        for detection in self.spotter.push(block.samples):
            self.detections += 1
            self._emit(self.events.detection(detection))
        for near_miss in self.spotter.take_near_misses():
            self._emit(self.events.near_miss(near_miss))
        self._manager.alive()

    def _lost(self, block: Block) -> None:
        self.samples_lost += block.lost
        self.spotter.skip(block.lost)
        if self._around.ring:
            self._around.ring.skip(block.lost)
        self._emit(
            self.events.make(
                "dropped", self.spotter.samples_heard, samples=block.lost, reason=block.reason
            )
        )

    def _decided(self, decision: Decision) -> None:
        self._manager.ready(self._status)
        if self._around.metrics and not decision.rested:
            self._around.metrics.inference.observe(decision.seconds)
        for observer in self._observers:
            observer.decision(decision)

    def _emit(self, event: Event) -> None:
        if self._around.metrics:
            self._around.metrics.count(event)
        for observer in self._observers:
            observer.event(event)
        self.sinks.put(event)

    def _end(self, reason: str) -> None:
        self._manager.stopping()
        if self._around.ring:
            self._around.ring.end_of_stream()
        seconds = round(self.spotter.samples_heard / self.spotter.features.sample_rate, 3)
        self._emit(
            self.events.make("stopped", self.spotter.samples_heard, seconds=seconds, reason=reason)
        )

    def _status(self) -> str:
        rate = self.spotter.features.sample_rate
        heard, rested = self.spotter.samples_heard // rate, self.spotter.samples_rested // rate
        dropped = sum(worker.dropped for _, worker in self.sinks.by_name())
        return (
            f"microphone {self._microphone}, heard {_hours(heard)}"
            f" (rested {_hours(rested)}), {self.detections} detections,"
            f" {self.samples_lost} samples lost, {dropped} events dropped"
        )

    def _connected(self, around: SinkContext) -> SinkContext:
        """Closed output ends the daemon; metrics ask it when somebody looks."""
        if around.metrics:
            rate = self.spotter.features.sample_rate
            around.metrics.audio_seconds = lambda: self.spotter.samples_heard / rate
            around.metrics.rested_seconds = lambda: self.spotter.samples_rested / rate
            around.metrics.sinks = lambda: self.sinks.by_name()
        if around.stdout is None:
            return around
        stdout = dataclasses.replace(
            around.stdout, on_closed=lambda: self.stop("standard output was closed")
        )
        return dataclasses.replace(around, stdout=stdout)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop(signal.Signals(number).name)

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload_asked = True


def _hours(seconds: int) -> str:
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
