"""Settings and models that sinks change while kws-edge runs, from their threads to the engine's."""

import dataclasses
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

from kws_edge.config.config import DEFAULT_PRESET, Config, SettingsChange, same_models
from kws_edge.config.edit import notes_on_origins, write_settings
from kws_edge.config.schema import parse
from kws_edge.detection.detector import DetectorConfig, unknown_keywords
from kws_edge.errors import ConfigError, KwsEdgeError, ValidationErrors
from kws_edge.sinks.base import ModelInForce, SettingsInForce
from kws_edge.sinks.build import sink_needs
from kws_edge.spotter import KeywordSpotter, load_model
from kws_edge.spotter_group import AnySpotter, SpotterGroup, run_all
from kws_edge.verifier import Verification

log = logging.getLogger(__name__)

MAX_FAULT = 1000  # characters of a fault in the log
MAX_CHANGES = 16  # that wait: each takes milliseconds between two blocks


class LoadedModels:
    """The models of a configuration, each loaded once, with their detectors and second stages.

    `spotter` makes one for each stream. They share interpreters, so that one thread processes
    all of their streams.
    """

    def __init__(self, config: Config) -> None:
        """Raises `KwsEdgeError`: `ConfigError` where a model does not fit the configuration."""
        self._config, self._near_miss = config, sink_needs(config).near_miss
        self._classifiers = [load_model(name, config.threads) for name in config.model_names]
        self.manifests = [one.manifest for one in self._classifiers]
        indices = range(len(self._classifiers))
        self._verifications = [load_verification(config, index) for index in indices]
        self._detectors = [config.detector_of(index, self.manifests[index]) for index in indices]
        spotter = self.spotter()
        config.check_words(spotter.keywords)
        self.active_keywords = spotter.active_keywords

    def spotter(self) -> AnySpotter:
        """Another spotter, which spots the active keywords."""
        members = [self._member(index) for index in range(len(self._classifiers))]
        spotter = SpotterGroup(members) if len(members) > 1 else members[0]
        spotter.set_active_keywords(self._config.keywords or spotter.keywords)
        return spotter

    def _member(self, index: int) -> KeywordSpotter:
        try:
            return KeywordSpotter(
                self._classifiers[index],
                self._detectors[index],
                near_miss=self._near_miss,
                verification=self._verifications[index],
            )
        except ValidationErrors as error:
            where = self._config.where(index, "detector")
            raise ConfigError(f"{where}.{error}") from error


def make_spotter(config: Config) -> AnySpotter:
    """The spotter of a configuration. Raises as `LoadedModels`."""
    return LoadedModels(config).spotter()


def load_verification(config: Config, index: int) -> Verification | None:
    """The second stage of a model of a configuration. Raises as `Verification.load`."""
    verifier = config.verifier_of(index)
    if verifier.model is None:
        return None
    return Verification.load(verifier.model, verifier.threshold, config.threads)


class SettingsControl:
    """Changes that sinks ask for, from their threads to the engine's."""

    # The settings in force: those of the configuration, with the changes since. Exchanged as a
    # whole, since other threads read them.
    _now: tuple[Config, SettingsInForce]

    def __init__(self, config: Config, spotter: AnySpotter) -> None:
        """Raises `KwsEdgeError` where the settings do not fit the models."""
        self._spotter = spotter
        self._wanted: queue.SimpleQueue[tuple[SettingsChange | None, Future[None]]] = (
            queue.SimpleQueue()
        )
        self._writing = threading.Lock()
        self._file, self._configured_mute = config.file, config.mute
        self.prepare(config, spotter)()

    @property
    def presets(self) -> dict[str, DetectorConfig]:
        return _presets_of(self._spotter)

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

    def prepare(self, config: Config, spotter: AnySpotter) -> Callable[[], None]:
        """The function that puts a configuration of the models of ``spotter`` in force, between
        two blocks; raises `KwsEdgeError`, and then nothing has changed."""
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
        in_force = _settings(config, spotter, detectors)

        def put_in_force() -> None:
            self._spotter = spotter
            run_all(switches)
            spotter.set_active_keywords(in_force.keywords)
            spotter.set_muted(config.mute)
            self._now = config, in_force

        return put_in_force

    def prepare_reload(self, config: Config, spotter: AnySpotter) -> Callable[[], None]:
        """As `prepare`. A reload for another reason must not open a microphone that somebody
        muted: mute changes where its value in the configuration does. Other models, which take a
        restart, leave the detectors as they are."""
        now, file, mute = self._now[0], config.file, config.mute
        kept = mute if mute != self._configured_mute else now.mute
        if spotter is self._spotter and not same_models(config, now):
            config = dataclasses.replace(
                config, models=now.models, detector=now.detector, verifier=now.verifier
            )
        config = dataclasses.replace(config, mute=kept)
        switch = self.prepare(config, spotter)

        def put_in_force() -> None:
            switch()
            for index, member in enumerate(spotter.members):
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
                    self.prepare(change.applied_to(self._now[0], manifests), self._spotter)()
                    log.info("settings changed: %s", self.in_force.describe())
                elif fault := reload():
                    raise KwsEdgeError(fault)
            except KwsEdgeError as error:
                done.set_exception(error)
            else:
                done.set_result(None)


def _presets_of(spotter: AnySpotter) -> dict[str, DetectorConfig]:
    """None of several models: each has its own."""
    first, *others = spotter.members
    return {} if others else {DEFAULT_PRESET: first.base_config, **first.presets}


def _settings(
    config: Config, spotter: AnySpotter, detectors: Sequence[DetectorConfig]
) -> SettingsInForce:
    """Of a word of several models the threshold of the first."""
    known = spotter.keywords
    thresholds = {
        word: next(
            detector.threshold_of(word)
            for member, detector in zip(spotter.members, detectors, strict=True)
            if word in member.keywords
        )
        for word in known
    }
    preset = config.detector.preset or DEFAULT_PRESET
    named = _presets_of(spotter).get(preset)
    differs = named is None or any(named.threshold_of(w) != thresholds[w] for w in known)
    active = tuple(word for word in known if word in (config.keywords or known))
    return SettingsInForce(config.mute, None if differs else preset, active, thresholds)


class ModelExchange:
    """Models that are loaded beside the one at work, each in a thread: a file that did not come
    with the package is tried in a process of its own first, which takes a second."""

    def __init__(self, config: Config, spotter: AnySpotter) -> None:
        self._loaded: queue.SimpleQueue[tuple[Config, AnySpotter, Future[None]]] = (
            queue.SimpleQueue()
        )
        self.configured = config.model
        self._newest: Future[None] | None = None
        self.use_now(config, spotter)

    def use_now(self, config: Config, spotter: AnySpotter) -> None:
        """A spotter of this configuration is at work now."""
        self._config = config
        self.in_force = ModelInForce(config.model, spotter.name, tuple(spotter.labels))

    def use(self, source: str | None) -> "Future[None]":
        if self._config.models:
            done: Future[None] = Future()
            done.set_exception(ConfigError("several models listen: change models: by hand"))
            return done
        return self.load(dataclasses.replace(self._config, model=source or self.configured))

    def loaded(self) -> Iterator[tuple[Config, AnySpotter, "Future[None]"]]:
        """Those that are ready now, each with the future of whom asked for it."""
        while not self._loaded.empty():
            config, spotter, done = self._loaded.get()
            if done is self._newest:
                yield config, spotter, done
            else:
                done.set_exception(KwsEdgeError("another model was asked for meanwhile"))

    def load(self, config: Config) -> "Future[None]":
        """Make a spotter for another configuration; `loaded` has it when it is there."""
        done: Future[None] = Future()
        self._newest = done
        threading.Thread(target=self._make, args=(config, done), name="model", daemon=True).start()
        return done

    def _make(self, config: Config, done: "Future[None]") -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            spotter = make_spotter(config)
        except Exception as error:  # whatever is wrong with it, the old one stays
            log.error("the model stays as it was: %s", one_line(error))
            done.set_exception(error)
        else:
            self._loaded.put((config, spotter, done))


def one_line(error: Exception) -> str:
    text = " ".join(str(error).split())[:MAX_FAULT]
    return text if isinstance(error, KwsEdgeError) else f"{type(error).__name__}: {text}"
