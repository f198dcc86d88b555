"""Which choices nothing else beats in both respects."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def front(choices: Sequence[T], cost: Callable[[T], float], gain: Callable[[T], float]) -> list[T]:
    """Those than which no other costs less and gains as much, or gains more at that cost.

    The cheapest first; of equals in both the first.
    """
    kept: list[T] = []
    for choice in sorted(choices, key=lambda c: (cost(c), -gain(c))):
        if not kept or gain(choice) > gain(kept[-1]):
            kept.append(choice)
    return kept
