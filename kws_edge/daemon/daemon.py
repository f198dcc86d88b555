"""The daemon: an engine with signals, reload and a service manager, for a source that stays.

Runs in the main thread. Signals only set flags; everything happens between two blocks of
audio, so that nothing is ever half done.
"""

import dataclasses
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from kws_edge.config.config import (
    DEFAULT_PRESET,
    Config,
    SettingsChange,
    needs_restart,
    same_models,
)
from kws_edge.config.edit import notes_on_origins, write_settings
from kws_edge.config.schema import parse
from kws_edge.daemon.systemd import ServiceManager
from kws_edge.detection.detector import DetectorConfig, unknown_keywords
from kws_edge.engine import Engine, Observer
from kws_edge.errors import ConfigError, KwsEdgeError, ValidationErrors
from kws_edge.events import Event, MicrophoneState
from kws_edge.process import Signals
from kws_edge.sinks.base import SettingsInForce
from kws_edge.sinks.build import SinkContext, Sinks, plan_sinks
from kws_edge.sources.base import AudioSource, Block
from kws_edge.spotter import Decision
from kws_edge.spotter_group import AnySpotter, run_all

log = logging.getLogger(__name__)

MAX_FAULT = 1000  # characters of a fault in the log
MAX_CHANGES = 16  # that wait: each takes milliseconds between two blocks


class Daemon:
    """``context`` is what the sinks may use; ``reload`` reads the configuration again.

    ``control`` changes settings while it runs, as the sinks do.
    """

    def __init__(
        self,
        config: Config,
        spotter: AnySpotter,
        context: SinkContext,
        reload: Callable[[], Config],
        observers: Sequence[Observer] = (),
    ) -> None:
        """Raises `ConfigError` where a sink cannot be made, and `ValidationErrors`."""
        self._started_with = config
        self.control = _Control(config, spotter)
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

    def reload(self) -> str:
        """Take over what a new configuration changes; why it could not, or nothing.

        All of it is read, checked and built before any of it is in force: whatever is wrong,
        the old configuration stays, and one line in the log says why.
        """
        self._manager.reloading()
        fault = ""
        try:
            config = self._read()
            switch = self.control.prepare_reload(config)
            config.check_words(self.engine.spotter.keywords)
            self.sinks.switch(plan_sinks(config, self._context))
        except Exception as error:  # a faulty file must not end the daemon, whatever its fault
            fault = f"the configuration stays as it was: {_one_line(error)}"
            log.error("%s", fault)
        else:
            switch()
            # compared with the start: what a reload cannot change is reported until a restart
            if names := needs_restart(self._started_with, config):
                log.warning("changes of %s take a restart", ", ".join(names))
            if self._context.metrics:
                self._context.metrics.add_sequences(one.name for one in config.sequences)
                self._context.metrics.reloads += 1
            self.engine.set_sequences(config.sequences)
            log.info("configuration reloaded")
        self._manager.ready(self._status)
        return fault

    def _between_blocks(self) -> None:
        self._manager.alive()
        if self._microphone == "lost":
            self._manager.ready(self._status)
        before = self.control.in_force
        if self._signals.reload_requested and not self.engine.stop_reason:
            self._signals.reload_requested = False
            self.reload()
        self.control.apply(self.reload)
        if (now := self.control.in_force) != before:
            if now.mute:
                self.engine.end_sequences()  # of what was said before
            self.engine.emit("settings", **now.as_dict())

    def _status(self) -> str:
        engine, spotter = self.engine, self.engine.spotter
        waiting = self._microphone == "lost"
        microphone = "waiting for a microphone" if waiting else f"microphone {self._microphone}"
        rate = spotter.features.sample_rate
        processed, idle = spotter.samples_processed // rate, spotter.samples_idle // rate
        dropped = sum(worker.dropped for _, worker in self.sinks.by_name())
        vetoed = f" ({spotter.verdicts.vetoed.total()} vetoes)" if spotter.verification else ""
        muted = ", muted" if spotter.muted else ""
        return (
            f"{microphone}{muted}, processed {_hours(processed)}"
            f" (idle {_hours(idle)}), {engine.detections} detections{vetoed},"
            f" {engine.samples_lost} samples lost, {dropped} events dropped"
        )

    def _connected(self, context: SinkContext) -> SinkContext:
        """The context whose closed output ends the daemon, and whose metrics can ask it."""
        context = dataclasses.replace(context, detector=self.control)
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


class _Control:
    """Changes that sinks ask for, from their threads to the engine's."""

    # The settings in force: those of the configuration, with the changes since. Exchanged as a
    # whole, since other threads read them.
    _now: tuple[Config, SettingsInForce]

    def __init__(self, config: Config, spotter: AnySpotter) -> None:
        """Raises `KwsEdgeError` where the settings do not fit the models."""
        self._spotter = spotter
        first, *others = spotter.members
        # of several models each has its own
        self.presets = {} if others else {DEFAULT_PRESET: first.base_config, **first.presets}
        self._wanted: queue.SimpleQueue[tuple[SettingsChange | None, Future[None]]] = (
            queue.SimpleQueue()
        )
        self._writing = threading.Lock()
        self._file, self._configured_mute = config.file, config.mute
        self.prepare(config)()

    @property
    def in_force(self) -> SettingsInForce:
        return self._now[1]

    @property
    def file(self) -> Path | None:
        return self._file.path if self._file else None

    def change(self, document: object) -> "Future[None]":
        wanted = None if document is None else parse(SettingsChange, document)
        if self._wanted.qsize() >= MAX_CHANGES:
            raise KwsEdgeError(f"{MAX_CHANGES} changes wait already")
        done: Future[None] = Future()
        self._wanted.put((wanted, done))
        return done

    def write(self) -> Sequence[str]:
        with self._writing:
            (config, now), read = self._now, self._file
            if read is None:
                raise ConfigError(
                    "no configuration file is in use; 'kws-edge config init' makes one"
                )
            written = write_settings(read, config, now.keywords, tuple(now.thresholds))
            if self._file is read:  # no reload meanwhile
                self._file, self._configured_mute = written, config.mute
            return notes_on_origins(written)

    def prepare(self, config: Config) -> Callable[[], None]:
        """The function that puts a configuration of the same models in force, between two blocks;
        raises `KwsEdgeError`, and then nothing has changed."""
        spotter = self._spotter
        known = spotter.keywords
        faults = unknown_keywords("keywords", config.keywords, known)
        switches = []
        try:
            detectors = config.detectors_of([one.manifest for one in spotter.members])
            for member, detector in zip(spotter.members, detectors, strict=True):
                switches.append(member.prepare(detector))
        except KwsEdgeError as error:
            faults += error.faults if isinstance(error, ValidationErrors) else [str(error)]
        if faults:
            raise ValidationErrors(faults)
        in_force = self._settings(config, detectors)

        def put_in_force() -> None:
            run_all(switches)
            spotter.set_active_keywords(in_force.keywords)
            spotter.set_muted(config.mute)
            self._now = config, in_force

        return put_in_force

    def _settings(self, config: Config, detectors: Sequence[DetectorConfig]) -> SettingsInForce:
        """Of a word of several models the threshold of the first."""
        known = self._spotter.keywords
        thresholds = {
            word: next(
                detector.threshold_of(word)
                for member, detector in zip(self._spotter.members, detectors, strict=True)
                if word in member.keywords
            )
            for word in known
        }
        preset: str | None = config.detector.preset or DEFAULT_PRESET
        named = self.presets.get(config.detector.preset or DEFAULT_PRESET)
        if named is None or any(named.threshold_of(word) != thresholds[word] for word in known):
            preset = None
        active = tuple(word for word in known if word in (config.keywords or known))
        return SettingsInForce(config.mute, preset, active, thresholds)

    def prepare_reload(self, config: Config) -> Callable[[], None]:
        """As `prepare`. A reload for another reason must not open a microphone that somebody
        muted: mute changes where its value in the configuration does. Other models, which take a
        restart, leave the detectors as they are."""
        now, file, mute = self._now[0], config.file, config.mute
        kept = mute if mute != self._configured_mute else now.mute
        if not same_models(config, now):
            config = dataclasses.replace(
                config, models=now.models, detector=now.detector, verifier=now.verifier
            )
        config = dataclasses.replace(config, mute=kept)
        switch = self.prepare(config)

        def put_in_force() -> None:
            switch()
            for index, member in enumerate(self._spotter.members):
                member.set_verifier_threshold(config.verifier_of(index).threshold)
            self._file, self._configured_mute = file, mute

        return put_in_force

    def apply(self, reload: Callable[[], str]) -> None:
        """Put in force what was asked for; ``reload`` reads the configuration again and returns
        why it could not."""
        for _ in range(self._wanted.qsize()):
            change, done = self._wanted.get()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                if change is not None:
                    manifests = [one.manifest for one in self._spotter.members]
                    self.prepare(change.applied_to(self._now[0], manifests))()
                    log.info("settings changed: %s", self.in_force.describe())
                elif fault := reload():
                    raise KwsEdgeError(fault)
            except KwsEdgeError as error:
                done.set_exception(error)
            else:
                done.set_result(None)


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
