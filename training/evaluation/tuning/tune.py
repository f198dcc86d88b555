"""Streams to operating points: posteriors, all settings, choices and their figures."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.detection.detector import Detection, Detector, DetectorConfig
from kws_edge.errors import DataError
from kws_edge.model.file import ModelFile
from training.evaluation.streams.figures import (
    false_accept_figures,
    latency_figures,
    recall_figures,
    scored,
)
from training.evaluation.streams.files import StreamFile
from training.evaluation.streams.hear import Heard
from training.evaluation.tuning.choose import Choice, Target, choose
from training.evaluation.tuning.posteriors import Posteriors, posteriors_of
from training.evaluation.tuning.sweep import DEFAULT_GRID, Grid, Row, sweep
from training.evaluation.tuning.tuning_set import TuningSet, TuningStream

Progress = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Tuning:
    """All settings with their counts, and the chosen ones; the first choice is the default."""

    file: ModelFile
    tuning_set: TuningSet
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...]


def tune(
    file: ModelFile,
    positives: Sequence[StreamFile],
    negatives: Sequence[StreamFile],
    targets: Sequence[Target],
    cache: Path,
    grid: Grid = DEFAULT_GRID,
    progress: Progress = iter,
) -> Tuning:
    """Raises `MissingFileError` and `DataError` for streams that cannot be used."""
    every = list(dict.fromkeys([*positives, *negatives]))
    config = file.manifest.detector
    streams = [
        TuningStream(
            posteriors_of(stream, file, config, cache), stream in positives, stream in negatives
        )
        for stream in progress(every)
    ]
    tuning_set = TuningSet(streams, file.manifest)
    if not tuning_set.spoken.any():
        raise DataError(
            f"{positives[0].path}: no keyword of the model is spoken in the positives"
            f" ({', '.join(tuning_set.keywords)})"
        )
    rows = sweep(tuning_set, grid, progress)
    return Tuning(
        file, tuning_set, tuple(rows), tuple(choose(tuning_set, rows, t) for t in targets)
    )


def operating_point(tuning_set: TuningSet, config: DetectorConfig) -> dict[str, Any]:
    """Figures of a setting on all streams, from the detector itself."""
    results = [
        (stream, scored(_replayed(stream.posteriors, tuning_set, config), tuning_set.keywords))
        for stream in tuning_set.streams
    ]
    positive = [result for stream, result in results if stream.positive]
    hits = [hit for result in positive for hit in result.score.hits]
    misses = sum(len(result.score.misses) for result in positive)
    counting = [len(r.score.false_accepts) for stream, r in results if stream.negative]
    others = [len(r.score.false_accepts) for stream, r in results if not stream.negative]
    return {
        "detector": dataclasses.asdict(config),
        **recall_figures(len(hits), len(hits) + misses),
        **false_accept_figures(sum(counting), tuning_set.hours),
        **latency_figures(hits),
        "false_accepts_in_positives": sum(others),
    }


def _replayed(posteriors: Posteriors, tuning_set: TuningSet, config: DetectorConfig) -> Heard:
    detector = Detector(tuning_set.labels, config, tuning_set.rate)
    pushed = (
        detector.push(int(sample), values)
        for sample, values in zip(posteriors.samples, posteriors.values, strict=True)
    )
    found: list[Detection] = [detection for detection in pushed if detection]
    return Heard(posteriors.stream, posteriors.seconds, tuple(found))
