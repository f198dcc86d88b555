"""What a change did: means over seeds, and differences with what chance alone does."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.ablation.config import Ablation, Variant
from training.ablation.trials import Result, Results
from training.stats import pooled_sd, student_quantile

LEAST_DEGREES = 3  # below that an interval says nothing
Measure = Callable[[Result], float]


@dataclass(frozen=True)
class Tried:
    """A variant and its results, a seed each, at least one."""

    variant: Variant
    results: tuple[Result, ...]

    def mean(self, measure: Measure) -> float:
        return sum(map(measure, self.results)) / len(self.results)


@dataclass(frozen=True)
class Effect:
    """A difference to the unchanged recipe; ``half`` of its 95 % interval's width, None where
    the spread between seeds is not known."""

    value: float
    half: float | None

    @property
    def clear(self) -> bool:
        """More than seeds alone would do."""
        return self.half is not None and abs(self.value) > self.half


def tried(ablation: Ablation, results: Results) -> list[Tried]:
    """The variants that have results, in their order."""
    found = []
    for variant in ablation.variants:
        known = [results.get(variant.name, seed) for seed in ablation.seeds]
        if any(known):
            found.append(Tried(variant, tuple(result for result in known if result)))
    return found


def seed_spread(all_tried: Sequence[Tried], measure: Measure) -> tuple[float, int]:
    """Standard deviation between seeds, pooled over variants, and its degrees of freedom."""
    return pooled_sd([measure(result) for result in one.results] for one in all_tried)


def effect(one: Tried, base: Tried, all_tried: Sequence[Tried], measure: Measure) -> Effect:
    """``one`` less ``base``, with a Student interval from the pooled spread."""
    value = one.mean(measure) - base.mean(measure)
    spread, degrees = seed_spread(all_tried, measure)
    if degrees < LEAST_DEGREES:
        return Effect(value, None)
    error = spread * math.sqrt(1 / len(one.results) + 1 / len(base.results))
    return Effect(value, student_quantile(degrees) * error)
