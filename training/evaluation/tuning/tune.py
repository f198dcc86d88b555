"""Streams to working points: posteriors, all settings, choices and their figures."""

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
from training.evaluation.tuning.count import Material, TuningSet
from training.evaluation.tuning.posteriors import Posteriors, posteriors_of
from training.evaluation.tuning.sweep import Repeat, Row, sweep

Progress = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Grid:
    """What is tried, in ms; thresholds are those of `threshold_grid`."""

    smoothing_ms: tuple[float, ...] = (100.0, 200.0, 300.0, 400.0, 500.0)
    refractory_ms: tuple[float, ...] = (250.0, 500.0, 750.0, 1000.0)
    # a word of 0.2 s is whole for 0.8 s; a shorter time would tell short words twice
    repeat_ms: tuple[Repeat, ...] = ("off", 800.0)


@dataclass(frozen=True)
class Tuning:
    """All settings with their counts, and the chosen ones; the first choice is the default."""

    file: ModelFile
    bench: TuningSet
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...]


def tune(
    file: ModelFile,
    positives: Sequence[StreamFile],
    negatives: Sequence[StreamFile],
    targets: Sequence[Target],
    cache: Path,
    grid: Grid = Grid(),
    progress: Progress = iter,
) -> Tuning:
    """Raises `MissingFileError` and `DataError` for streams that cannot be used."""
    every = list(dict.fromkeys([*positives, *negatives]))
    config = file.manifest.detector
    material = [
        Material(
            posteriors_of(stream, file, config, cache), stream in positives, stream in negatives
        )
        for stream in progress(every)
    ]
    bench = TuningSet(material, file.manifest)
    if not bench.spoken.any():
        raise DataError(
            f"{positives[0].path}: no keyword of the model is spoken in the positives"
            f" ({', '.join(bench.keywords)})"
        )
    rows = sweep(bench, grid.smoothing_ms, grid.refractory_ms, grid.repeat_ms, progress)
    return Tuning(file, bench, tuple(rows), tuple(choose(bench, rows, t) for t in targets))


def operating_point(bench: TuningSet, config: DetectorConfig) -> dict[str, Any]:
    """Figures of a setting on all streams, by the detector that listens."""
    results = [
        (stream, scored(_heard(stream.posteriors, bench, config), bench.keywords))
        for stream in bench.streams
    ]
    positive = [result for stream, result in results if stream.positive]
    hits = [hit for result in positive for hit in result.score.hits]
    misses = sum(len(result.score.misses) for result in positive)
    counting = [len(r.score.false_accepts) for stream, r in results if stream.negative]
    others = [len(r.score.false_accepts) for stream, r in results if not stream.negative]
    return {
        "detector": dataclasses.asdict(config),
        **recall_figures(len(hits), len(hits) + misses),
        **false_accept_figures(sum(counting), bench.hours),
        **latency_figures(hits),
        "false_accepts_in_positives": sum(others),
    }


def _heard(posteriors: Posteriors, bench: TuningSet, config: DetectorConfig) -> Heard:
    detector = Detector(bench.labels, config, bench.rate)
    pushed = (
        detector.push(int(sample), values)
        for sample, values in zip(posteriors.samples, posteriors.values, strict=True)
    )
    found: list[Detection] = [detection for detection in pushed if detection]
    return Heard(posteriors.stream, posteriors.seconds, tuple(found))
