"""The configuration of the daemon as nested frozen dataclasses, with the sinks of the registry."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from kws_edge.config.schema import check_bounds, field_info, parse, setting, shortened
from kws_edge.detection.detector import DetectorConfig, unknown_keywords
from kws_edge.detection.sequences import SequenceConfig, sequence_faults
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.model.manifest import Manifest
from kws_edge.sinks import sink_kinds
from kws_edge.sinks.base import SinkKind
from kws_edge.sources.capture import MicrophoneConfig
from kws_edge.verifier import THRESHOLD

MODELS_OWN = "the model's own"
DEFAULT_PRESET = "default"  # the model's own settings, where it has no preset of that name


# Settings that mean what `DetectorConfig` says, and are unset.
OVERRIDES: dict[str, Any] = {
    field.name: setting(None, **vars(field_info(field)) | {"unset": MODELS_OWN})
    for field in dataclasses.fields(DetectorConfig)
}


@dataclass(frozen=True)
class DetectorOverrides:
    """Detector settings that replace the model's own; see `DetectorConfig`."""

    preset: str | None = setting(
        None,
        doc="Settings that the model has under this name ('kws-edge info' lists them), or default"
        " for the model's own; the other detector settings are applied on top.",
        unset=MODELS_OWN,
    )
    threshold: float | None = OVERRIDES["threshold"]
    thresholds: dict[str, float] | None = OVERRIDES["thresholds"]
    smoothing_ms: float | None = OVERRIDES["smoothing_ms"]
    refractory_ms: float | None = OVERRIDES["refractory_ms"]
    hop_ms: float | None = OVERRIDES["hop_ms"]
    gate_dbfs: float | Literal["off"] | None = OVERRIDES["gate_dbfs"]
    repeat_ms: float | Literal["off"] | None = OVERRIDES["repeat_ms"]

    def __post_init__(self) -> None:
        check_bounds(self)

    def on_top_of(self, other: "DetectorOverrides") -> "DetectorOverrides":
        """These settings, and those of ``other`` that are unset here, thresholds word by word."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if self.thresholds is None and self.threshold is not None:
            given["thresholds"] = {}
        elif self.thresholds is not None:
            given["thresholds"] = {**(other.thresholds or {}), **self.thresholds}
        return dataclasses.replace(other, **given)

    def applied_to(
        self, base: DetectorConfig, presets: Mapping[str, DetectorConfig]
    ) -> DetectorConfig:
        """Raises `ValidationErrors`. One threshold replaces all thresholds by word."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if (preset := given.pop("preset", None)) is not None:
            presets = {DEFAULT_PRESET: base, **presets}
            if preset not in presets:
                raise ValidationErrors(
                    [f"preset: the model has no {shortened(preset)} ({', '.join(presets)})"]
                )
            base = presets[preset]
        if "threshold" in given:
            given.setdefault("thresholds", {})
        return dataclasses.replace(base, **given)


@dataclass(frozen=True)
class VerifierConfig:
    """The second stage; see `kws_edge.verifier`."""

    model: str | None = setting(
        None,
        doc="A second model, bundled or a .tflite file, that confirms each detection over its own"
        " window before it counts; docs/verifier.md.",
        unset="none",
    )
    threshold: float = setting(
        THRESHOLD,
        doc="Its score for the keyword from which a detection counts.",
        minimum=0,
        maximum=1,
        excluded=0,
    )

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True)
class ModelConfig:
    """One of several models, each with its own detector."""

    model: str = setting(doc="A bundled model, or the path of a .tflite file.")
    detector: DetectorOverrides | None = setting(
        None, doc="Its detector, as below, on top of the common one.", unset="the common `detector`"
    )
    verifier: VerifierConfig | None = setting(
        None, doc="Its second stage, as below.", unset="the common `verifier`"
    )


@dataclass(frozen=True)
class EngineConfig:
    """All settings but those of the sinks."""

    model: str = setting(
        "default",
        doc="A bundled model ('kws-edge info' lists them), or the path of a .tflite file.",
    )
    models: tuple[ModelConfig, ...] = setting(
        (), doc="Several models that listen together, in place of `model` (docs/events.md)."
    )
    threads: int = setting(1, doc="Threads of the interpreter.", minimum=1, maximum=64)
    microphone: MicrophoneConfig = setting(
        factory=MicrophoneConfig, doc="Which microphone to open and how."
    )
    detector: DetectorOverrides = setting(
        factory=DetectorOverrides, doc="When scores count as a spotted keyword."
    )
    verifier: VerifierConfig = setting(
        factory=VerifierConfig, doc="A second model that confirms each detection."
    )
    sequences: tuple[SequenceConfig, ...] = setting(
        (), doc="Keywords one after the other that are one event (docs/events.md)."
    )
    keywords: tuple[str, ...] = setting(
        (),
        doc="Spot these keywords alone; others neither count nor delay a keyword.",
        unset="all of the model",
    )
    mute: bool = setting(
        False,
        doc="Spot nothing: audio is read and discarded, no event and no clip comes of it. For the"
        " microphone, and for files and pipes with --sinks.",
    )

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True)
class ConfigFile:
    """A file as it was read. ``origins`` has the variable or flag of each setting that one sets,
    whatever the file says of it."""

    path: Path
    text: str
    origins: Mapping[str, str]


@dataclass(frozen=True)
class Config(EngineConfig):
    """The whole configuration.

    ``sinks`` has the parsed settings by the key of `kws_edge.sinks.SINKS`: an instance of the
    sink's settings, a tuple of them, or nothing where the sink is not asked for. ``file`` is where
    it comes from, if from a file.
    """

    sinks: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    file: ConfigFile | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models to load."""
        return tuple(one.model for one in self.models) or (self.model,)

    def where(self, index: int, key: str) -> str:
        """The place of a setting of a model, for messages."""
        return f"models[{index}].{key}" if self.models else key

    def detector_of(self, index: int, manifest: Manifest) -> DetectorConfig:
        """The detector of a model; of the common thresholds it takes those of its keywords.

        Raises `ConfigError`.
        """
        own = self.detector
        if self.models:
            common = self.detector.thresholds or {}
            mine = {word: value for word, value in common.items() if word in manifest.keywords}
            own = dataclasses.replace(own, thresholds=mine or None)
            own = (self.models[index].detector or DetectorOverrides()).on_top_of(own)
        try:
            return own.applied_to(manifest.detector, manifest.presets)
        except ValidationErrors as error:
            where = self.where(index, "detector")
            raise ConfigError("; ".join(f"{where}.{fault}" for fault in error.faults)) from error

    def verifier_of(self, index: int) -> VerifierConfig:
        """The second stage of a model."""
        own = self.models[index].verifier if self.models else None
        return own or self.verifier

    def word_faults(self, keywords: Sequence[str]) -> list[str]:
        """Active keywords, sequences, and thresholds of several models that do not fit the
        ``keywords`` of all models."""
        faults = unknown_keywords("keywords", self.keywords, keywords)
        faults += sequence_faults(self.sequences, keywords)
        if self.models:
            faults += [
                f"detector.thresholds.{word}: no model has this keyword ({', '.join(keywords)})"
                for word in self.detector.thresholds or ()
                if word not in keywords
            ]
        return faults

    def check_words(self, keywords: Sequence[str]) -> None:
        """Raises `ConfigError` with the `word_faults`."""
        if faults := self.word_faults(keywords):
            raise ConfigError("; ".join(faults))

    def detectors_of(self, manifests: Sequence[Manifest]) -> list[DetectorConfig]:
        """Of each model. Raises `ConfigError` with the faults of all."""
        found, faults = [], []
        for index, manifest in enumerate(manifests):
            try:
                found.append(self.detector_of(index, manifest))
            except ConfigError as error:
                faults.append(str(error))
        if faults:
            raise ConfigError("; ".join(faults))
        return found


@dataclass(frozen=True)
class SettingsChange:
    """What can be changed while kws-edge runs; None leaves a setting as it is."""

    preset: str | None = None
    thresholds: dict[str, float] | None = setting(None, **vars(field_info(OVERRIDES["thresholds"])))
    keywords: tuple[str, ...] | None = None
    mute: bool | None = None

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.keywords == ():
            raise ValidationErrors(["keywords: names none; mute spots nothing"])

    def applied_to(self, config: Config, manifests: Sequence[Manifest]) -> Config:
        """``manifests`` are the models'. Raises `ValidationErrors`."""
        changed = dataclasses.replace(
            config,
            keywords=config.keywords if self.keywords is None else self.keywords,
            mute=config.mute if self.mute is None else self.mute,
        )
        if config.models:
            return self._several(changed, manifests)
        base, presets = manifests[0].detector, manifests[0].presets
        detector = self._with_preset(config.detector, base, presets)
        if self.thresholds is not None:
            now = detector.applied_to(base, presets).thresholds
            detector = dataclasses.replace(detector, thresholds={**now, **self.thresholds})
        return dataclasses.replace(changed, detector=detector)

    def _with_preset(
        self,
        detector: DetectorOverrides,
        base: DetectorConfig,
        presets: Mapping[str, DetectorConfig],
    ) -> DetectorOverrides:
        """A preset replaces thresholds alone where the configuration has its own, and the file
        that they come from keeps their keys."""
        if self.preset is None:
            return detector
        chosen = DetectorOverrides(self.preset).applied_to(base, presets)
        own = detector.threshold is not None or detector.thresholds is not None
        words = dict.fromkeys(detector.thresholds or (), chosen.threshold)
        return dataclasses.replace(
            detector,
            preset=self.preset,
            threshold=None if detector.threshold is None else chosen.threshold,
            thresholds={**words, **chosen.thresholds} if own else None,
        )

    def _several(self, config: Config, manifests: Sequence[Manifest]) -> Config:
        """A threshold holds in every model with the keyword; presets are each model's own."""
        given = self.thresholds or {}
        known = {word for manifest in manifests for word in manifest.keywords}
        faults = [f"thresholds.{word}: no such keyword" for word in given if word not in known]
        if self.preset is not None:
            faults.append("preset: several models listen, each with its own; see 'models'")
        if faults:
            raise ValidationErrors(faults)
        models = []
        for index, (one, manifest) in enumerate(zip(config.models, manifests, strict=True)):
            mine = {word: value for word, value in given.items() if word in manifest.keywords}
            if mine:
                now = config.detector_of(index, manifest).thresholds
                own = one.detector or DetectorOverrides()
                own = dataclasses.replace(own, thresholds={**now, **mine})
                one = dataclasses.replace(one, detector=own)
            models.append(one)
        return dataclasses.replace(config, models=tuple(models))


def document_type() -> type:
    """The dataclass of the YAML document: `EngineConfig` and one field for each sink."""
    return _document_type(tuple(sink_kinds()))


@functools.cache  # making a dataclass takes milliseconds, and each parsing needs it several times
def _document_type(kinds: tuple[tuple[str, SinkKind], ...]) -> type:
    fields = []
    for key, kind in kinds:
        hint = tuple[kind.settings, ...] if kind.many else kind.settings | None  # type: ignore
        fields.append((key, hint, setting(() if kind.many else None, doc=kind.doc)))
    return dataclasses.make_dataclass("Document", fields, bases=(EngineConfig,), frozen=True)


def parse_config(document: object) -> Config:
    """A parsed YAML document as a `Config`. Raises `ValidationErrors` with every fault."""
    parsed: Any = parse(document_type(), document)
    engine = {field.name: getattr(parsed, field.name) for field in dataclasses.fields(EngineConfig)}
    sinks = {key: value for key, _ in sink_kinds() if (value := getattr(parsed, key))}
    return Config(**engine, sinks=sinks)


def same_models(one: Config, other: Config) -> bool:
    """Whether the lists of several models name the same ones, with the same verifiers."""
    before, after = (
        [(each.model, config.verifier_of(n).model) for n, each in enumerate(config.models)]
        for config in (one, other)
    )
    return before == after


def needs_restart(started: Config, config: Config) -> list[str]:
    """Keys of ``config`` that a reload cannot bring to a daemon ``started`` with another."""
    names = [
        name
        for name in ("threads", "microphone", "verifier.model")
        if attrgetter(name)(config) != attrgetter(name)(started)
    ]
    if not same_models(started, config):
        names.append("models")
    for key, kind in sink_kinds():
        # an engine cannot add a buffer of audio or the search for near misses to its stream
        before = [kind.needs(one) for _, one in kind.each(key, started.sinks.get(key))]
        after = [kind.needs(one) for _, one in kind.each(key, config.sinks.get(key))]
        if any(need and need not in before for need in after):
            names.append(key)
    return names
