"""Every fault of a configuration on this device at once, without starting anything.

Stages: file, variables and flags; model and interpreter; detector and keywords; sinks with their
files, extras and programs; the microphone, whose absence is a warning since it may come later.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kws_edge.config.config import Config
from kws_edge.config.settings import Loaded
from kws_edge.errors import KwsEdgeError, ValidationErrors
from kws_edge.metrics import Metrics
from kws_edge.model.bundled import find_model
from kws_edge.model.file import read_model
from kws_edge.model.manifest import Manifest
from kws_edge.sinks import sink_kinds
from kws_edge.sinks.base import SinkContext


@dataclass(frozen=True)
class CheckReport:
    """``faults`` keep kws-edge from starting or a sink from working; ``warnings`` do not."""

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def check_everything(loaded: Loaded, faults: list[str]) -> CheckReport:
    """Go on from the ``faults`` that reading the configuration found (`load_leniently`)."""
    config = loaded.config
    where = f"{loaded.file}: " if loaded.file else ""
    manifest, model_faults = _manifest(config)
    found = [*model_faults]
    if manifest:
        found += _detector_faults(config, manifest)
    found += _sink_faults(config, manifest)
    all_faults = [*faults, *(where + fault for fault in found)]
    return CheckReport(
        tuple(dict.fromkeys(all_faults)), (*loaded.warnings, *_microphone_warnings(config))
    )


def _manifest(config: Config) -> tuple[Manifest | None, list[str]]:
    try:
        return read_model(find_model(config.model)).manifest, []
    except KwsEdgeError as error:
        return None, [f"model: {error}"]


def _detector_faults(config: Config, manifest: Manifest) -> list[str]:
    from kws_edge.model.classifier import Classifier
    from kws_edge.spotter import KeywordSpotter

    known = manifest.keywords
    faults = []
    try:
        detector = config.detector.applied_to(manifest.detector, manifest.presets)
        faults += [
            f"detector.thresholds.{word}: the model has no such keyword ({', '.join(known)})"
            for word in detector.thresholds
            if word not in known
        ]
    except ValidationErrors as error:
        return [f"detector.{fault}" for fault in error.faults]
    try:
        classifier = Classifier.load(find_model(config.model), config.threads)
        if not faults:
            KeywordSpotter(classifier, detector)
    except ValidationErrors as error:
        faults += [f"detector.{fault}" for fault in error.faults]
    except KwsEdgeError as error:
        faults.append(f"model: {error}")
    return faults


def _sink_faults(config: Config, manifest: Manifest | None) -> Iterator[str]:
    """Without a model, keywords cannot be checked, all else can."""
    context = SinkContext(
        labels=manifest.labels if manifest else _keywords_used(config),
        model_name=manifest.name if manifest else "",
        sample_rate=manifest.features.sample_rate if manifest else 16_000,
        metrics=Metrics("", ()),
    )
    for key, kind in sink_kinds():
        for name, settings in kind.each(key, config.sinks.get(key)):
            yield from kind.faults(name, settings, context)


def _keywords_used(config: Config) -> tuple[str, ...]:
    return tuple(
        word
        for key, kind in sink_kinds()
        for _, settings in kind.each(key, config.sinks.get(key))
        for word in getattr(settings, "keywords", ())
    )


def _microphone_warnings(config: Config) -> Iterator[str]:
    from kws_edge.sources.devices import find_device, input_devices

    try:
        find_device(config.microphone.device, input_devices())
    except KwsEdgeError as error:
        yield f"microphone: {error}"
