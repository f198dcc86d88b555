"""Intervals and exact tests for measured proportions and their differences, by scipy.stats."""

import functools
import math
from collections.abc import Iterable, Sequence

from scipy import stats

CONFIDENCE = 0.95


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % score interval of a proportion, in 0 to 1 (Wilson 1927)."""
    if count == 0:
        return 0.0, 1.0
    found = stats.binomtest(successes, count).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


@functools.lru_cache(maxsize=4096)
def poisson_interval(count: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean of a Poisson count (Garwood 1936)."""
    tail = (1 - CONFIDENCE) / 2
    lower = stats.chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    return float(lower), float(stats.chi2.isf(tail, 2 * count + 2) / 2)


def fisher_greater(successes: int, count: int, others: int, other_count: int) -> float:
    """Fisher's exact test, one-sided: how likely ``successes`` of ``count`` or more are, were
    there no difference from ``others`` of ``other_count`` (hypergeometric tail)."""
    table = [[successes, count - successes], [others, other_count - others]]
    return float(stats.fisher_exact(table, alternative="greater").pvalue)


def binomial_tail(successes: int, count: int, probability: float) -> float:
    """How likely ``successes`` of ``count`` or more are (exact binomial test, one-sided)."""
    return float(stats.binom.sf(successes - 1, count, probability))


def pooled_sd(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Standard deviation within ``groups``, and its degrees of freedom; 0 with none."""
    squares, degrees = 0.0, 0
    for group in groups:
        mean = math.fsum(group) / len(group) if group else 0.0
        squares += math.fsum((value - mean) ** 2 for value in group)
        degrees += max(0, len(group) - 1)
    return (math.sqrt(squares / degrees) if degrees else 0.0), degrees


def student_quantile(df: float) -> float:
    """Half the width, in standard errors, of a 95 % interval by ``df`` degrees of freedom."""
    return float(stats.t.isf((1 - CONFIDENCE) / 2, df))


def newcombe_interval(a: tuple[int, int], b: tuple[int, int]) -> tuple[float, float]:
    """95 % interval of the difference of two independent proportions, each (successes, count).

    Newcombe 1998, method 10: from the two score intervals.
    """
    p, q = a[0] / a[1], b[0] / b[1]
    (lower_p, upper_p), (lower_q, upper_q) = wilson_interval(*a), wilson_interval(*b)
    below = math.hypot(p - lower_p, upper_q - q)
    above = math.hypot(upper_p - p, q - lower_q)
    return p - q - below, p - q + above


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Exact two-sided p of McNemar's test: clips that only one of two models recognised."""
    count = only_first + only_second
    return float(stats.binomtest(only_first, count).pvalue) if count else 1.0


def range_p(span_in_sd: float, values: int, df: int) -> float:
    """How often ``values`` equal means, one observation each, spread over ``span_in_sd`` or
    more, the standard deviation being estimated with ``df`` degrees of freedom (Tukey)."""
    return float(stats.studentized_range.sf(span_in_sd, values, df))
