"""A model on streams: events by the runtime, figures, and what they were made with."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kws_edge.config.config import DetectorOverrides
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import read_model
from kws_edge.model.interpreter import interpreter_name
from training.evaluation.operating_points import OperatingPoints
from training.evaluation.streams.figures import figures, scored
from training.evaluation.streams.files import StreamFile
from training.evaluation.streams.hear import hear


def evaluate_streams(
    model: Path,
    streams: Sequence[StreamFile],
    overrides: DetectorOverrides,
    points: OperatingPoints | None = None,
) -> dict[str, Any]:
    """The figures of `figures`, ready for JSON. ``points`` replace those of the model.

    Raises `ValidationErrors` where the settings do not fit the model.
    """
    file = read_model(model)
    manifest = file.manifest
    points = points or OperatingPoints(manifest.detector, manifest.presets)
    config = overrides.applied_to(points.detector, points.presets)
    classifier = Classifier(file)
    results = [scored(hear(stream, classifier, config), manifest.keywords) for stream in streams]
    return {
        "model": manifest.name,
        "run_id": manifest.run_id,
        "git_commit": manifest.git_commit,
        "preset": overrides.preset,
        "detector": dataclasses.asdict(config),
        "interpreter": interpreter_name(),
        "without_labels": [s.name for s in streams if s.words is None],
        **figures(results, manifest.keywords),
    }
