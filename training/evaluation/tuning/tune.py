"""Operating points by stated targets, chosen on streams."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.detection.detector import Detection, Detector, DetectorConfig
from kws_edge.errors import DataError
from kws_edge.model.file import ModelFile
from training.evaluation.streams.compose import StreamFile
from training.evaluation.streams.evaluate import (
    StreamDetections,
    false_accept_figures,
    latency_figures,
    recall_figures,
    score_stream,
)
from training.evaluation.tuning.per_keyword_thresholds import (
    PerKeywordThresholds,
    ThresholdEvidence,
)
from training.evaluation.tuning.posteriors import Posteriors, posteriors_of
from training.evaluation.tuning.sweep import (
    Grid,
    SweepRow,
    TuningSet,
    TuningStream,
    grid_for,
    sweep,
)

Progress = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Target:
    """At most so many false accepts per hour, and with that the fewest misses.

    Streams too short for one false accept at this rate cannot distinguish it from a higher
    one. If ``spare`` is above 0, the threshold then rises as far as it costs at most this
    share of the words.
    """

    name: str
    false_accepts_per_hour: float
    spare: float = 0.0


@dataclass(frozen=True)
class Choice:
    """The setting chosen for a target, whether the streams allowed it (``met``), and what
    supports thresholds for single keywords; None where the target rules them out."""

    target: Target
    row: SweepRow
    met: bool
    evidence: ThresholdEvidence | None


def choose(tuning_set: TuningSet, rows: Sequence[SweepRow], target: Target) -> Choice:
    """The setting within the target that makes the fewest errors among words: misses, and words
    reported twice or as another word. If none is within it, the one with the fewest false
    accepts."""
    allowed = math.floor(target.false_accepts_per_hour * tuning_set.hours + 1e-9)
    within = [row for row in rows if row.false_accepts <= allowed]
    met = bool(within)
    if not met:
        fewest = min(row.false_accepts for row in rows)
        within = [row for row in rows if row.false_accepts == fewest]
    best = min(within, key=_order)
    if target.spare and target.false_accepts_per_hour * tuning_set.hours < 1:
        most = best.misses + target.spare * int(tuning_set.spoken.sum())
        spare = [row for row in within if row.same_times(best) and row.misses <= most]
        return Choice(target, max(spare, key=lambda row: row.config.threshold), met, None)
    return _with_per_keyword_thresholds(tuning_set, rows, Choice(target, best, met, None))


def _with_per_keyword_thresholds(
    tuning_set: TuningSet, rows: Sequence[SweepRow], choice: Choice
) -> Choice:
    same = [row for row in rows if row.same_times(choice.row)]
    own = PerKeywordThresholds(tuning_set, same, choice.target.false_accepts_per_hour)
    evidence = own.evidence()
    if not (choice.met and evidence.generalises):
        return dataclasses.replace(choice, evidence=evidence)
    fit = own.fit()
    config = dataclasses.replace(
        choice.row.config,
        threshold=same[fit.common].config.threshold,
        thresholds={
            word: same[int(fit.rows[tuning_set.keywords.index(word)])].config.threshold
            for word in evidence.carrying
        },
    )
    counted = SweepRow(config, tuning_set.count(tuning_set.smoothed(config.smoothing_ms), config))
    allowed = choice.target.false_accepts_per_hour * tuning_set.hours + 1e-9
    if counted.misses >= choice.row.misses or counted.false_accepts > allowed:
        return dataclasses.replace(choice, evidence=evidence)
    return dataclasses.replace(
        choice, row=counted, evidence=dataclasses.replace(evidence, kept=True)
    )


def _order(row: SweepRow) -> tuple[float, ...]:
    """Among equals the highest threshold: it leaves most room for sounds outside the streams."""
    counts = row.counts
    errors = row.misses + counts.others
    return errors, row.misses, row.false_accepts, -row.config.threshold, counts.latency_ms


@dataclass(frozen=True)
class Tuning:
    """All settings with their counts, and the chosen ones; the first choice is the default.
    ``beside``: the same of another model at its own times, without choices."""

    file: ModelFile
    tuning_set: TuningSet
    rows: tuple[SweepRow, ...]
    choices: tuple[Choice, ...] = ()
    beside: "Tuning | None" = None


def tune(
    file: ModelFile,
    positives: Sequence[StreamFile],
    negatives: Sequence[StreamFile],
    targets: Sequence[Target],
    cache: Path,
    grid: Grid | None = None,
    progress: Progress = iter,
    beside: ModelFile | None = None,
) -> Tuning:
    """Try every setting of ``grid`` (default: `grid_for`) on the streams and choose one for each
    target. Of ``beside`` only thresholds are tried, at its own times.

    Raises `MissingFileError` and `DataError` for unusable streams.
    """
    tuning_set = _tuning_set(file, positives, negatives, cache, progress)
    rows = sweep(tuning_set, grid or grid_for(file.manifest), progress)
    choices = tuple(choose(tuning_set, rows, t) for t in targets)
    other = None
    if beside:
        own = beside.manifest.detector
        times = Grid((own.smoothing_ms,), (own.refractory_ms,), (own.repeat_ms,))
        its_set = _tuning_set(beside, positives, negatives, cache, progress)
        other = Tuning(beside, its_set, tuple(sweep(its_set, times)))
    return Tuning(file, tuning_set, tuple(rows), choices, other)


def _tuning_set(
    file: ModelFile,
    positives: Sequence[StreamFile],
    negatives: Sequence[StreamFile],
    cache: Path,
    progress: Progress,
) -> TuningSet:
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
    return tuning_set


def operating_point(tuning_set: TuningSet, config: DetectorConfig) -> dict[str, Any]:
    """Figures of a setting on all streams, from the detector itself."""
    results = [
        (
            stream,
            score_stream(_replayed(stream.posteriors, tuning_set, config), tuning_set.keywords),
        )
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


def _replayed(
    posteriors: Posteriors, tuning_set: TuningSet, config: DetectorConfig
) -> StreamDetections:
    detector = Detector(tuning_set.labels, config, tuning_set.rate)
    pushed = (
        detector.push(int(sample), values)
        for sample, values in zip(posteriors.samples, posteriors.values, strict=True)
    )
    found: list[Detection] = [detection for detection in pushed if detection]
    return StreamDetections(posteriors.stream, posteriors.seconds, tuple(found))
