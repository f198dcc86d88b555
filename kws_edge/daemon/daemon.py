"""The daemon: an engine with signals, reload and a service manager, for a source that stays.

Runs in the main thread. Signals only set flags; everything happens between two blocks of
audio, so that nothing is ever half done.
"""

import dataclasses
import logging
from collections.abc import Callable, Sequence

from kws_edge.config.config import Config, needs_restart
from kws_edge.daemon.control import ModelExchange, SettingsControl, one_line
from kws_edge.daemon.systemd import ServiceManager
from kws_edge.engine import Engine, Observer
from kws_edge.errors import ConfigError
from kws_edge.events import Event, MicrophoneState
from kws_edge.process import Signals
from kws_edge.sinks.build import SinkContext, Sinks, plan_sinks
from kws_edge.sources.base import AudioSource, Block
from kws_edge.spotter import Decision
from kws_edge.spotter_group import AnySpotter

log = logging.getLogger(__name__)


class Daemon:
    """``context`` is what the sinks may use; ``reload`` reads the configuration again.

    ``control`` changes settings and ``models`` the model while it runs, as the sinks do.
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
        self.control, self.models = SettingsControl(config, spotter), ModelExchange(config, spotter)
        self._relabelled = [
            use
            for one in (context.metrics, *observers)
            if (use := getattr(one, "use_model", None)) is not None
        ]
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
        the old configuration stays, and one line in the log says why. Another model is loaded
        while the old one goes on, and all is in force once it is there.
        """
        self._manager.reloading()
        fault = ""
        try:
            config = self._read()
            self.models.configured = config.model
            one = not (config.models or self._started_with.models)
            if one and config.model != self.models.in_force.source:
                self.models.load(config)
            else:
                self._put_in_force(config, self.engine.spotter)
        except Exception as error:  # a faulty file must not end the daemon, whatever its fault
            fault = f"the configuration stays as it was: {one_line(error)}"
            log.error("%s", fault)
        self._manager.ready(self._status)
        return fault

    def _put_in_force(self, config: Config, spotter: AnySpotter) -> None:
        """Go on with ``config`` and a spotter for it, between two blocks; raises, and then
        nothing has changed."""
        context, exchanged = self._context, spotter is not self.engine.spotter
        if exchanged:
            if spotter.features.sample_rate != context.sample_rate:
                raise ConfigError(f"model: {config.model}: another sample rate takes a restart")
            context = dataclasses.replace(context, labels=spotter.labels, model_name=spotter.name)
        switch = self.control.prepare_reload(config, spotter)
        config.check_words(spotter.keywords)
        self.sinks.switch(plan_sinks(config, context))
        switch()
        if exchanged:
            self._exchange(config, spotter)
        self._context = context
        self.models.use_now(config, spotter)
        # compared with the start: what a reload cannot change is reported until a restart
        if names := needs_restart(self._started_with, config):
            log.warning("changes of %s take a restart", ", ".join(names))
        if context.metrics:
            context.metrics.add_sequences(one.name for one in config.sequences)
            context.metrics.reloads += 1
        self.engine.set_sequences(config.sequences)
        log.info("configuration reloaded")

    def _exchange(self, config: Config, spotter: AnySpotter) -> None:
        """Go on with a spotter that was made with the threads and the verifier of ``config``."""
        self._started_with = dataclasses.replace(
            self._started_with, threads=config.threads, verifier=config.verifier
        )
        for one in spotter.members:
            one.continue_after(self.engine.spotter)
        self.engine.use(spotter)
        for use_model in self._relabelled:
            use_model(spotter.name, spotter.labels)
        log.info("model: %s (%s)", spotter.name, config.model)

    def _between_blocks(self) -> None:
        self._manager.alive()
        if self._microphone == "lost":
            self._manager.ready(self._status)
        before = self.control.in_force
        if self._signals.reload_requested and not self.engine.stop_reason:
            self._signals.reload_requested = False
            self.reload()
        self.control.apply(self.reload)
        for config, spotter, done in self.models.loaded():
            try:
                self._put_in_force(config, spotter)
            except Exception as error:  # see `reload`
                log.error("the configuration stays as it was: %s", one_line(error))
                done.set_exception(error)
            else:
                done.set_result(None)
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
        context = dataclasses.replace(context, detector=self.control, models=self.models)
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


def _hours(seconds: int) -> str:
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
