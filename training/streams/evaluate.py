"""A model on streams: events by the runtime, figures, and what they were made with."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kws_edge.config import DetectorOverrides
from kws_edge.interpreter import interpreter_name
from kws_edge.model import Classifier
from kws_edge.model_file import read_model
from training.streams.figures import figures, scored
from training.streams.files import StreamFile
from training.streams.hear import hear
from training.working_points import WorkingPoints


def evaluate_streams(
    model: Path,
    streams: Sequence[StreamFile],
    overrides: DetectorOverrides,
    points: WorkingPoints | None = None,
) -> dict[str, Any]:
    """The figures of `figures`, ready for JSON. ``points`` replace those of the model.

    Raises `Faults` where the settings do not fit the model.
    """
    file = read_model(model)
    manifest = file.manifest
    points = points or WorkingPoints(manifest.detector, manifest.presets)
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
