"""The daemon: an engine with signals, reload and a service manager, for a source that stays.

Runs in the main thread. Signals only set flags; everything happens between two blocks of
audio, so that nothing is ever half done.
"""

import dataclasses
import logging
import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from kws_edge.config.config import Config, DetectorOverrides, needs_restart, same_models
from kws_edge.config.schema import parse
from kws_edge.daemon.systemd import ServiceManager
from kws_edge.detection.detector import DetectorConfig
from kws_edge.engine import Engine, Observer
from kws_edge.errors import KwsEdgeError
from kws_edge.events import Event, MicrophoneState
from kws_edge.process import Signals
from kws_edge.sinks.build import SinkContext, Sinks, plan_sinks
from kws_edge.sources.base import AudioSource, Block
from kws_edge.spotter import Decision
from kws_edge.spotter_group import AnySpotter, run_all

log = logging.getLogger(__name__)

MAX_FAULT = 1000  # characters of a fault in the log


class Daemon:
    """``context`` is what the sinks may use; ``reload`` reads the configuration again."""

    def __init__(
        self,
        config: Config,
        spotter: AnySpotter,
        context: SinkContext,
        reload: Callable[[], Config],
        observers: Sequence[Observer] = (),
    ) -> None:
        """Raises `ConfigError` where a sink cannot be made."""
        self._started_with = config
        self._control = _DetectorControl(spotter)
        self._read = reload
        self._context = self._connected(context)
        if context.metrics:
            context.metrics.add_sequences(one.name for one in config.sequences)
            context.metrics.verdicts = spotter.verdicts if spotter.verification else None
        self.sinks = Sinks(config, self._context)
        self._manager = ServiceManager()
        own = [one for one in (context.metrics, context.relay) if one]
        self.engine = Engine(
            spotter,
            # a reload exchanges what `put` reaches, not `put`
            put=self.sinks.put,
            observers=[_Readiness(self._manager, self._status), *own, *observers],
            recent=context.ring,
            between_blocks=self._between_blocks,
            sequences=config.sequences,
        )
        self._signals = Signals()
        self._microphone = "not open yet"

    def run(
        self,
        source: AudioSource,
        announce: Callable[[], None] = lambda: None,
        signals: Signals | None = None,
    ) -> str:
        """Until the source ends or a signal comes; the reason. Sinks are flushed and closed.

        ``announce`` is called once the signal handlers are in place: a reader of the
        announcement may send a signal at once. ``signals``: those of the process; without
        them SIGHUP asks for a reload.
        """
        if signals is None:
            signals = Signals()
            signals.on_hangup(reload=True)
        self._signals = signals
        with signals:
            signals.when_stopped(self.engine.stop)
            try:
                announce()
                for _ in self.engine.run(source):
                    pass  # the sinks and observers have it
            finally:
                self.sinks.close()
        return self.engine.stop_reason

    def microphone(self, state: MicrophoneState, reason: str = "") -> None:
        """Report a change of the microphone's state; called between two blocks."""
        self._microphone = state
        if state != "open":
            said = "no longer silent" if state == "sound" else state
            log.warning("microphone %s: %s", said, reason)
        if state == "lost":  # at the start too: the search for it is the service at work
            self._manager.ready(self._status)
        self.engine.emit("microphone", state=state, reason=reason)

    def reload(self) -> None:
        """Take over what a new configuration changes.

        All of it is read, checked and built before any of it is in force: whatever is wrong,
        the old configuration stays, and one line in the log says why.
        """
        self._manager.reloading()
        try:
            config = self._read()
            spotter = self.engine.spotter
            switches = []
            if same_models(config, self._started_with):
                switches = [
                    one.prepare(config.detector_of(index, one.manifest))
                    for index, one in enumerate(spotter.members)
                ]
            config.check_words(spotter.keywords)
            self.sinks.switch(plan_sinks(config, self._context))
        except Exception as error:  # a faulty file must not end the daemon, whatever its fault
            log.error("the configuration stays as it was: %s", _one_line(error))
        else:
            run_all(switches)
            for index, _ in enumerate(switches):
                threshold = config.verifier_of(index).threshold
                spotter.members[index].set_verifier_threshold(threshold)
            # compared with the start: what a reload cannot change is reported until a restart
            if names := needs_restart(self._started_with, config):
                log.warning("changes of %s take a restart", ", ".join(names))
            if self._context.metrics:
                self._context.metrics.add_sequences(one.name for one in config.sequences)
                self._context.metrics.reloads += 1
            self.engine.set_sequences(config.sequences)
            log.info("configuration reloaded")
        self._manager.ready(self._status)

    def _between_blocks(self) -> None:
        self._manager.alive()
        if self._microphone == "lost":
            self._manager.ready(self._status)
        if self._signals.reload_requested and not self.engine.stop_reason:
            self._signals.reload_requested = False
            self.reload()
        if self._control.apply():
            self.reload()

    def _status(self) -> str:
        engine, spotter = self.engine, self.engine.spotter
        waiting = self._microphone == "lost"
        microphone = "waiting for a microphone" if waiting else f"microphone {self._microphone}"
        rate = spotter.features.sample_rate
        processed, idle = spotter.samples_processed // rate, spotter.samples_idle // rate
        dropped = sum(worker.dropped for _, worker in self.sinks.by_name())
        vetoed = f" ({spotter.verdicts.vetoed.total()} vetoes)" if spotter.verification else ""
        return (
            f"{microphone}, processed {_hours(processed)}"
            f" (idle {_hours(idle)}), {engine.detections} detections{vetoed},"
            f" {engine.samples_lost} samples lost, {dropped} events dropped"
        )

    def _connected(self, context: SinkContext) -> SinkContext:
        """The context whose closed output ends the daemon, and whose metrics can ask it."""
        context = dataclasses.replace(context, detector=self._control)
        if metrics := context.metrics:
            rate = context.sample_rate
            metrics.audio_seconds = lambda: self.engine.spotter.samples_processed / rate
            metrics.rested_seconds = lambda: self.engine.spotter.samples_idle / rate
            metrics.sinks = lambda: self.sinks.by_name()
        if context.stdout is None:
            return context
        stdout = dataclasses.replace(
            context.stdout, on_closed=lambda: self.engine.stop("standard output was closed")
        )
        return dataclasses.replace(context, stdout=stdout)


class _DetectorControl:
    """Changes of the detector that the page asks for, from its thread to the engine's."""

    def __init__(self, spotter: AnySpotter) -> None:
        self._spotter = spotter
        self._wanted: queue.SimpleQueue[tuple[DetectorOverrides | None, Future[None]]] = (
            queue.SimpleQueue()
        )

    @property
    def in_force(self) -> DetectorConfig:
        return self._spotter.config

    @property
    def presets(self) -> Mapping[str, DetectorConfig]:
        return self._spotter.presets

    def change(self, document: object) -> "Future[None]":
        overrides = None if document is None else parse(DetectorOverrides, document)
        done: Future[None] = Future()
        self._wanted.put((overrides, done))
        return done

    def apply(self) -> bool:
        """Put in force what was asked for; whether the configuration is to be read again."""
        reload = False
        while not self._wanted.empty():
            overrides, done = self._wanted.get()
            try:
                if overrides is None:
                    reload = True
                else:
                    config = overrides.applied_to(self._spotter.config, self._spotter.presets)
                    self._spotter.prepare(config)()
                    log.info("detector changed on the page: %s", config.describe())
            except KwsEdgeError as error:
                done.set_exception(error)
            else:
                done.set_result(None)
        return reload


class _Readiness:
    """Reports to the service manager: ready at the first decision, then the status."""

    def __init__(self, manager: ServiceManager, status: Callable[[], str]) -> None:
        self._manager, self._status = manager, status

    def block(self, block: Block) -> None: ...

    def decision(self, decision: Decision) -> None:
        self._manager.ready(self._status)

    def event(self, event: Event) -> None:
        if event.type == "stopped":
            self._manager.stopping()


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())[:MAX_FAULT]
    return text if isinstance(error, KwsEdgeError) else f"{type(error).__name__}: {text}"


def _hours(seconds: int) -> str:
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
