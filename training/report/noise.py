"""What chance alone does: another seed, other clips."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.report.load import Study
from training.report.score import Score, points
from training.stats import mcnemar_p, newcombe_interval, pooled_sd

LEVEL = 0.05
SIMULATED = 40_000


@dataclass(frozen=True)
class SeedNoise:
    """Spread of validation accuracy between seeds, pooled over the base points.

    ``sd`` in 0 to 1 with ``df`` degrees of freedom; 0 degrees: nothing is known.
    """

    sd: float
    df: int

    def p_of_best(self, difference: float, candidates: int, seeds: int) -> float | None:
        """How often the best of so many candidates, all as good as the point that they are
        compared with (a mean of ``seeds``), is better by ``difference`` or more.

        With one candidate either direction counts. None where the noise is not known.
        """
        if self.df == 0:
            return None
        if self.sd == 0:
            return 0.0 if difference else 1.0
        ratio = difference / self.sd
        found = _best_of(candidates, seeds, self.df)
        return float(np.mean(found >= (abs(ratio) if candidates == 1 else ratio)))

    def p_of_range(self, values: Sequence[float]) -> float | None:
        """How often so many equally good configurations, a run each, spread so far."""
        if self.df == 0 or len(values) < 2:
            return None
        spread = max(values) - min(values)
        if self.sd == 0:
            return 0.0 if spread else 1.0
        return float(np.mean(_ranges(len(values), self.df) >= spread / self.sd))


def seed_noise(study: Study) -> SeedNoise:
    """From the seeds of the base points."""
    seeds = ([run.validation.value for run in study.base(kind)] for kind in study.kinds)
    return SeedNoise(*pooled_sd(seeds))


@functools.lru_cache
def _best_of(candidates: int, seeds: int, df: int) -> npt.NDArray[np.float64]:
    """Simulated studies without any effect, in units of the sd that each estimates."""
    random = np.random.default_rng(0)
    best = random.standard_normal((SIMULATED, candidates)).max(axis=1)
    difference = best - random.standard_normal(SIMULATED) / math.sqrt(seeds)
    ratio = difference / _estimated_sd(random, df)
    return np.abs(ratio) if candidates == 1 else ratio


@functools.lru_cache
def _ranges(values: int, df: int) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(0)
    return np.ptp(random.standard_normal((SIMULATED, values)), axis=1) / _estimated_sd(random, df)


def _estimated_sd(random: np.random.Generator, df: int) -> npt.NDArray[np.float64]:
    return np.sqrt(random.chisquare(df, SIMULATED) / df)


@dataclass(frozen=True)
class Difference:
    """``value`` in 0 to 1; ``by_clips`` and ``by_seeds`` are how often chance alone gives as
    much through other clips and through other seeds, None where that is not known.
    ``interval``: 95 %, of other clips and other seeds together, where both are known.
    """

    value: float
    by_clips: float | None
    by_seeds: float | None
    paired: bool
    interval: tuple[float, float] | None = None

    @property
    def clear(self) -> bool:
        """More than the noise of every kind that is known; False where none is."""
        known = [p for p in (self.by_clips, self.by_seeds) if p is not None]
        return bool(known) and all(p < LEVEL for p in known)

    def __str__(self) -> str:
        """With its interval, in percentage points, as Markdown."""
        found = f"**{points(self.value)}**"
        if self.interval:
            lower, upper = (100 * end for end in self.interval)
            found += f" ({lower:+.1f} to {upper:+.1f})"
        return found

    @property
    def verdict(self) -> str:
        """In words, with what it rests on."""
        grounds = []
        if self.by_clips is not None and self.paired:
            grounds.append(f"{p_value(self.by_clips)} by clips")
        elif self.by_clips is not None:
            grounds.append(f"intervals {'apart' if self.by_clips < LEVEL else 'overlap'}")
        if self.by_seeds is not None:
            grounds.append(f"{p_value(self.by_seeds)} by seeds")
        return self.short + f" ({', '.join(grounds) or 'no seeds, no clips to compare'})"

    @property
    def short(self) -> str:
        return "more than the noise" if self.clear else "inside the noise"


def p_value(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def by_clips(a: Score, b: Score) -> tuple[float, bool]:
    """p of the difference of two models on the same clips, and whether clip by clip.

    Without the clips, `LEVEL` decides by Newcombe's interval: 0 or 1.
    """
    if a.outcome and b.outcome and a.outcome.clips_id == b.outcome.clips_id:
        right_a, right_b = a.outcome.right(), b.outcome.right()
        return mcnemar_p(int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))), True
    lower, upper = newcombe_interval((a.correct, a.count), (b.correct, b.count))
    return (0.0 if lower > 0 or upper < 0 else 1.0), False
