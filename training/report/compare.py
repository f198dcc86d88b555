"""Are two configurations told apart by what was measured?"""

import math
from collections.abc import Sequence

import numpy as np

from training.report.noise import Difference, SeedNoise, by_clips
from training.report.run import Run
from training.report.score import Score
from training.stats import student_quantile


def mean_validation(runs: Sequence[Run]) -> float:
    return sum(run.validation.value for run in runs) / len(runs)


def on_validation(
    run: Run, base: Sequence[Run], noise: SeedNoise, candidates: int = 1
) -> Difference:
    """``run``, chosen from so many candidates, against the mean of the seeds ``base``.

    Clip by clip it is compared with the first of them.
    """
    difference = run.validation.value - mean_validation(base)
    p, paired = by_clips(run.validation, base[0].validation)
    by_seeds = noise.p_of_best(difference, candidates, len(base))
    interval = interval_of(run.validation, [other.validation for other in base], noise)
    return Difference(difference, p, by_seeds, paired, interval)


def between(a: Sequence[Run], b: Sequence[Run], noise: SeedNoise) -> Difference:
    """The mean of the seeds ``a`` against that of the seeds ``b``, on validation."""
    difference = mean_validation(a) - mean_validation(b)
    p, paired = by_clips(a[0].validation, b[0].validation)
    # as if one run stood against b: means of several seeds vary less
    scale = math.sqrt((1 + 1 / len(b)) / (1 / len(a) + 1 / len(b)))
    return Difference(difference, p, noise.p_of_best(scale * difference, 1, len(b)), paired)


def on_test(run: Run, base: Sequence[Run], noise: SeedNoise) -> Difference | None:
    """The same on the test part, which had no part in the choice; None where it was not read.

    The noise between seeds is that of the validation part.
    """
    test, tests = run.test(), [other.test() for other in base]
    known = [score for score in tests if score]
    if not test or not known or len(known) < len(tests):
        return None
    difference = test.value - sum(score.value for score in known) / len(known)
    p, paired = by_clips(test, known[0])
    by_seeds = noise.p_of_best(difference, 1, len(known))
    return Difference(difference, p, by_seeds, paired, interval_of(test, known, noise))


def interval_of(
    score: Score, base: Sequence[Score], noise: SeedNoise
) -> tuple[float, float] | None:
    """95 % of the difference of ``score`` from the mean of the seeds ``base``.

    The variance is that over the clips, each model's answers paired, plus that of the seeds;
    its degrees of freedom are Satterthwaite's. None where the clips are not the same ones or
    the spread of seeds is hardly known (fewer than 2 degrees of freedom).
    """
    outcomes = [s.outcome for s in (score, *base)]
    known = [outcome for outcome in outcomes if outcome]
    if noise.df < 2 or len(known) < len(outcomes) or len({o.clips_id for o in known}) > 1:
        return None
    ours, *others = (outcome.right().astype(float) for outcome in known)
    apart = ours - np.mean(others, axis=0)
    clips, seeds = float(np.var(apart, ddof=1)) / len(apart), noise.sd**2 * (1 + 1 / len(others))
    value, variance = float(np.mean(apart)), clips + seeds
    if not variance:
        return value, value
    df = variance**2 / (clips**2 / (len(apart) - 1) + seeds**2 / noise.df)
    half = student_quantile(df) * math.sqrt(variance)
    return value - half, value + half
