"""Is a difference more than chance? Other clips and other seeds both move a measurement."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.stats import (
    mcnemar_p,
    newcombe_interval,
    range_p,
    student_quantile,
    wilson_interval,
)

LEVEL = 0.05
SIMULATED = 40_000
LEAST_DEGREES = 2  # with fewer, the spread between seeds is hardly known


@dataclass(frozen=True)
class TrialScore:
    """A share in 0 to 1; of how many clips, where it is a share of clips; which clips were
    ``right`` (``[count]``), where that is known, the clips being those of ``clips_id``.
    """

    value: float
    count: int = 0
    right: npt.NDArray[np.bool_] | None = None
    clips_id: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % by the number of clips (Wilson); None where it is no share of clips."""
        return wilson_interval(round(self.value * self.count), self.count) if self.count else None


@dataclass(frozen=True)
class SeedNoise:
    """Standard deviation between seeds, pooled, and its degrees of freedom (0: not known)."""

    sd: float
    df: int

    def p_of_best(self, difference: float, candidates: int, seeds: int) -> float | None:
        """How often the best of ``candidates`` configurations, all as good as the one that they
        are compared with (a mean of ``seeds``), exceeds it by ``difference`` or more.

        With one candidate either direction counts. None where the noise is not known.
        """
        if not self.df:
            return None
        if not self.sd:
            return 0.0 if difference else 1.0
        ratio = difference / self.sd
        found = _best_of(candidates, seeds, self.df)
        return float(np.mean(found >= (abs(ratio) if candidates == 1 else ratio)))

    def p_of_range(self, values: Sequence[float]) -> float | None:
        """How often so many equally good configurations, one training each, spread so far."""
        if not self.df or len(values) < 2:
            return None
        spread = max(values) - min(values)
        if not self.sd:
            return 0.0 if spread else 1.0
        return range_p(spread / self.sd, len(values), self.df)


@functools.lru_cache
def _best_of(candidates: int, seeds: int, df: int) -> npt.NDArray[np.float64]:
    """Simulated experiments in which nothing has an effect, in units of the estimated sd:
    no distribution of scipy's is that of the best against a mean of several seeds.
    """
    random = np.random.default_rng(0)
    best = random.standard_normal((SIMULATED, candidates)).max(axis=1)
    difference = best - random.standard_normal(SIMULATED) / math.sqrt(seeds)
    ratio = difference / np.sqrt(random.chisquare(df, SIMULATED) / df)
    return np.abs(ratio) if candidates == 1 else ratio


@dataclass(frozen=True)
class Difference:
    """``value`` in 0 to 1; ``by_clips`` and ``by_seeds``: how often other clips and other seeds
    alone give as much, None where not known. ``paired``: compared clip by clip. ``interval``:
    95 %, of other clips and seeds together, where both are known, else of seeds alone.
    """

    value: float
    by_clips: float | None
    by_seeds: float | None
    paired: bool = False
    interval: tuple[float, float] | None = None

    @property
    def clear(self) -> bool:
        """More than the noise of every kind that is known; False where none is."""
        known = [p for p in (self.by_clips, self.by_seeds) if p is not None]
        return bool(known) and all(p < LEVEL for p in known)


def compare(
    best: TrialScore, others: Sequence[TrialScore], noise: SeedNoise, candidates: int = 1
) -> Difference:
    """``best``, chosen from so many candidates, less the mean of the seeds ``others``.

    Clip by clip it is compared with the first of them.
    """
    value = best.value - _mean(others)
    p, paired = _by_clips(best, others[0])
    by_seeds = noise.p_of_best(value, candidates, len(others))
    return Difference(value, p, by_seeds, paired, _interval(best, others, noise))


def compare_means(a: Sequence[TrialScore], b: Sequence[TrialScore], noise: SeedNoise) -> Difference:
    """The mean of the seeds ``a`` less that of the seeds ``b``."""
    value = _mean(a) - _mean(b)
    p, paired = _by_clips(a[0], b[0])
    # as if one run stood against b: means of several seeds vary less
    scale = math.sqrt((1 + 1 / len(b)) / (1 / len(a) + 1 / len(b)))
    by_seeds = noise.p_of_best(scale * value, 1, len(b))
    half = _half_by_seeds(len(a), len(b), noise)
    interval = None if half is None else (value - half, value + half)
    return Difference(value, p, by_seeds, paired, interval)


def _mean(scores: Sequence[TrialScore]) -> float:
    return sum(score.value for score in scores) / len(scores)


def _half_by_seeds(a: int, b: int, noise: SeedNoise) -> float | None:
    if noise.df < LEAST_DEGREES:
        return None
    return student_quantile(noise.df) * noise.sd * math.sqrt(1 / a + 1 / b)


def _by_clips(a: TrialScore, b: TrialScore) -> tuple[float | None, bool]:
    """p of the difference of two models on the same clips, and whether clip by clip.

    Without the clips Newcombe's interval decides at `LEVEL`: 0 or 1.
    """
    if a.right is not None and b.right is not None and a.clips_id == b.clips_id:
        only_a, only_b = np.sum(a.right & ~b.right), np.sum(b.right & ~a.right)
        return mcnemar_p(int(only_a), int(only_b)), True
    if not a.count or not b.count:
        return None, False
    counts = [(round(score.value * score.count), score.count) for score in (a, b)]
    lower, upper = newcombe_interval(counts[0], counts[1])
    return (0.0 if lower > 0 or upper < 0 else 1.0), False


def _interval(
    score: TrialScore, base: Sequence[TrialScore], noise: SeedNoise
) -> tuple[float, float] | None:
    """95 % of the difference of ``score`` from the mean of the seeds ``base``.

    The variance is that over the clips, each model's answers paired, plus that of the seeds; its
    degrees of freedom are Satterthwaite's.
    """
    if noise.df < LEAST_DEGREES:
        return None
    answers = [s.right.astype(float) for s in (score, *base) if s.right is not None]
    if len(answers) <= len(base) or len({s.clips_id for s in (score, *base)}) > 1:
        half = _half_by_seeds(1, len(base), noise) or 0.0
        value = score.value - _mean(base)
        return (value - half, value + half) if not score.count else None
    apart = answers[0] - np.mean(answers[1:], axis=0)
    clips = float(np.var(apart, ddof=1)) / len(apart)
    seeds = noise.sd**2 * (1 + 1 / len(base))
    value, variance = float(np.mean(apart)), clips + seeds
    if not variance:
        return value, value
    df = variance**2 / (clips**2 / (len(apart) - 1) + seeds**2 / noise.df)
    half = student_quantile(df) * math.sqrt(variance)
    return value - half, value + half
