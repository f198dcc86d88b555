"""Operating points by stated targets."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.tuning.per_keyword_thresholds import Evidence, PerKeywordThresholds
from training.evaluation.tuning.sweep import Row
from training.evaluation.tuning.tuning_set import TuningSet


@dataclass(frozen=True)
class Target:
    """At most so many false accepts per hour, and with that the fewest misses.

    Streams too short for one false accept at this rate cannot distinguish it from a higher
    one. Where ``spare`` is above 0, the threshold is then as high as costs at most this share
    of the words.
    """

    name: str
    false_accepts_per_hour: float
    spare: float = 0.0


@dataclass(frozen=True)
class Choice:
    """The setting chosen for a target, whether the streams allowed it (``met``), and what
    supports thresholds for single keywords; None where the target rules them out."""

    target: Target
    row: Row
    met: bool
    evidence: Evidence | None


def choose(tuning_set: TuningSet, rows: Sequence[Row], target: Target) -> Choice:
    """The setting within the target that makes the fewest errors among words: misses, and words
    reported twice or as another word. Where none is within it, the one with the fewest false
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
    tuning_set: TuningSet, rows: Sequence[Row], choice: Choice
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
    counted = Row(config, tuning_set.count(tuning_set.smoothed(config.smoothing_ms), config))
    allowed = choice.target.false_accepts_per_hour * tuning_set.hours + 1e-9
    if counted.misses >= choice.row.misses or counted.false_accepts > allowed:
        return dataclasses.replace(choice, evidence=evidence)
    return dataclasses.replace(
        choice, row=counted, evidence=dataclasses.replace(evidence, kept=True)
    )


def _order(row: Row) -> tuple[float, ...]:
    """Of equals the highest threshold: it leaves most room for what the streams do not hold."""
    counts = row.counts
    errors = row.misses + counts.others
    return errors, row.misses, row.false_accepts, -row.config.threshold, counts.latency_ms
