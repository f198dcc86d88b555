"""Intervals for measured proportions."""

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
