"""Intervals and exact tests for measured proportions and their differences."""

import functools
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

Z95 = 1.959963984540054


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % score interval of a proportion, in 0 to 1 (Wilson 1927)."""
    if count == 0:
        return 0.0, 1.0
    p, z2 = successes / count, Z95**2
    centre = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 / (1 + z2 / count) * math.sqrt(p * (1 - p) / count + z2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


@functools.lru_cache(maxsize=4096)
def poisson_interval(count: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean of a Poisson count (Garwood 1936)."""

    def at_most(k: int, mean: float) -> float:
        term = total = math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
        while k and term > 1e-17 * total:
            term *= k / mean
            total, k = total + term, k - 1
        return total

    def mean_where(k: int, probability: float) -> float:
        low, high = 0.0, k + 10 * math.sqrt(k + 1) + 10
        while high - low > 1e-9 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(k, middle) > probability else (low, middle)
        return (low + high) / 2

    return mean_where(count - 1, 0.975) if count else 0.0, mean_where(count, 0.025)


def fisher_greater(successes: int, count: int, others: int, other_count: int) -> float:
    """Fisher's exact test, one-sided: how likely ``successes`` of ``count`` or more are, were
    there no difference from ``others`` of ``other_count`` (hypergeometric tail)."""
    total, drawn = count + other_count, successes + others
    ways = sum(
        math.comb(count, k) * math.comb(other_count, drawn - k)
        for k in range(successes, min(count, drawn) + 1)
    )
    return float(Fraction(ways, math.comb(total, drawn)))


def binomial_tail(successes: int, count: int, probability: float) -> float:
    """How likely ``successes`` of ``count`` or more are (exact binomial test, one-sided)."""

    def log_ways(k: int) -> float:  # the ways themselves leave a float's range
        return math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)

    log_p, log_q = math.log(probability), math.log1p(-probability)
    terms = (log_ways(k) + k * log_p + (count - k) * log_q for k in range(successes, count + 1))
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def pooled_sd(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Standard deviation within ``groups``, and its degrees of freedom; 0 with none."""
    squares, degrees = 0.0, 0
    for group in groups:
        mean = math.fsum(group) / len(group) if group else 0.0
        squares += math.fsum((value - mean) ** 2 for value in group)
        degrees += max(0, len(group) - 1)
    return (math.sqrt(squares / degrees) if degrees else 0.0), degrees


def student_quantile(df: float) -> float:
    """Half the width, in standard errors, of a 95 % interval by ``df`` (2 or more) degrees of
    freedom (Abramowitz and Stegun, 26.7.5; off by less than 1 %, by 3 % at 2)."""
    z = Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / df**power for power, term in enumerate(terms, 1))


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
    """Exact two-sided p of McNemar's test: clips that only one of two models knew."""
    count, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(count, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**count)
