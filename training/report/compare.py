"""Are two configurations told apart by what was measured?"""

import math
from collections.abc import Sequence

from training.report.noise import Difference, SeedNoise, by_clips
from training.report.run import Run


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
    return Difference(difference, p, noise.p_of_best(difference, candidates, len(base)), paired)


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
    return Difference(difference, p, noise.p_of_best(difference, 1, len(known)), paired)
