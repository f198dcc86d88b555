"""Intervals for measured proportions, and tests of their differences."""

import math

Z95 = 1.959963984540054


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % score interval of a proportion, in 0 to 1 (Wilson 1927)."""
    if count == 0:
        return 0.0, 1.0
    p, z2 = successes / count, Z95**2
    centre = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 / (1 + z2 / count) * math.sqrt(p * (1 - p) / count + z2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


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
