"""The daemon: one source through the spotter to the sinks, until it is told to stop.

Runs in the main thread. Signals only set flags; everything is done between two blocks of
audio, so that nothing is ever half done.
"""

import logging
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

from kws_edge.config import Config
from kws_edge.errors import Faults, KwsEdgeError
from kws_edge.events import Event, EventFactory
from kws_edge.service_manager import ServiceManager
from kws_edge.sinks.worker import SinkWorker
from kws_edge.sources import AudioSource, Block
from kws_edge.spotter import Decision, KeywordSpotter

log = logging.getLogger(__name__)


class Observer(Protocol):
    """Looks on: metrics, a live view, a buffer of recent audio. Must be quick."""

    def block(self, block: Block) -> None: ...

    def decision(self, decision: Decision) -> None: ...

    def event(self, event: Event) -> None: ...


class Daemon:
    """``make_sinks`` builds the sinks of a configuration; ``reload`` reads it again."""

    def __init__(
        self,
        config: Config,
        spotter: KeywordSpotter,
        make_sinks: Callable[[Config], list[SinkWorker]],
        reload: Callable[[], Config],
        observers: Sequence[Observer] = (),
    ) -> None:
        self.config = config
        self.spotter = spotter
        self.sinks = make_sinks(config)
        self.events = EventFactory(spotter.features.sample_rate)
        self.detections = 0
        self.samples_lost = 0
        self._make_sinks, self._read = make_sinks, reload
        self._observers = tuple(observers)
        self._manager = ServiceManager()
        self._stop_reason = ""
        self._reload_asked = False
        self._microphone_state = "open"
        spotter.on_decision = self._decided

    def run(self, source: AudioSource) -> str:
        """Until the source ends or a signal comes; the reason. Sinks are flushed and closed."""
        before = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, self._on_stop),
            signal.SIGINT: signal.signal(signal.SIGINT, self._on_stop),
            signal.SIGHUP: signal.signal(signal.SIGHUP, self._on_reload),
        }
        try:
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
            for sink in self.sinks:
                sink.close()
        return self._stop_reason

    def stop(self, reason: str) -> None:
        """End after the block under way."""
        self._stop_reason = self._stop_reason or reason

    def microphone(self, state: str, reason: str = "") -> None:
        """The microphone's state has changed; called between two blocks."""
        self._microphone_state = state
        self._emit(self.events.make(
            "microphone", self.spotter.samples_heard, state=state, reason=reason
        ))  # fmt: skip

    def reload(self) -> None:
        """Take over what a new configuration changes; a faulty one changes nothing."""
        self._manager.reloading()
        try:
            config = self._read()
            base = self.spotter.base_config
            self.spotter.reconfigure(config.detector.applied_to(base))
        except (KwsEdgeError, Faults) as error:
            log.error("the configuration stays as it was: %s", error)
        else:
            self._replace_sinks(config)
        self._manager.ready(self._status())

    def _replace_sinks(self, config: Config) -> None:
        needs_restart = [
            name for name in ("model", "threads", "microphone")
            if getattr(config, name) != getattr(self.config, name)
        ]  # fmt: skip
        if needs_restart:
            log.warning("changes of %s take a restart", ", ".join(needs_restart))
        old, self.sinks = self.sinks, self._make_sinks(config)
        self.config = config
        for sink in old:
            sink.close()
        log.info("configuration reloaded")

    def _take(self, block: Block) -> None:
        if block.lost:
            self._lost(block.lost)
        for observer in self._observers:
            observer.block(block)
        for detection in self.spotter.push(block.samples):
            self.detections += 1
            self._emit(self.events.detection(detection))
        self._manager.alive()

    def _lost(self, samples: int) -> None:
        self.samples_lost += samples
        self.spotter.skip(samples)
        self._emit(self.events.make(
            "dropped", self.spotter.samples_heard, samples=samples, reason="audio was lost"
        ))  # fmt: skip

    def _decided(self, decision: Decision) -> None:
        self._manager.ready(self._status())
        for observer in self._observers:
            observer.decision(decision)

    def _emit(self, event: Event) -> None:
        for observer in self._observers:
            observer.event(event)
        for sink in self.sinks:
            sink.put(event)

    def _end(self, reason: str) -> None:
        self._manager.stopping()
        seconds = round(self.spotter.samples_heard / self.spotter.features.sample_rate, 3)
        self._emit(self.events.make(
            "stopped", self.spotter.samples_heard, seconds=seconds, reason=reason
        ))  # fmt: skip

    def _status(self) -> str:
        hours, seconds = divmod(
            self.spotter.samples_heard // self.spotter.features.sample_rate, 3600
        )
        dropped = sum(sink.dropped for sink in self.sinks)
        return (
            f"microphone {self._microphone_state}, heard {hours} h {seconds // 60} min,"
            f" {self.detections} detections, {self.samples_lost} samples lost,"
            f" {dropped} events dropped"
        )

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop(signal.Signals(number).name)

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload_asked = True
