"""Thresholds for single keywords, only if the evidence supports them.

The rule: at least `FEWEST` times the word was spoken and at least so many false accepts of it
were counted at the lowest threshold tried; and thresholds fitted on either half of every
stream, counted on the other half, miss fewer words at no more false accepts than one common
threshold that was fitted in the same way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.evaluation.tuning.sweep import HALVES, Ints, SweepRow, TuningSet

FEWEST = 20
PRICES = np.geomspace(1e-3, 1e3, 121)  # of a false accept, in misses
BOTH = tuple(range(HALVES))


@dataclass(frozen=True)
class ThresholdEvidence:
    """What supports thresholds for single keywords.

    ``spoken`` and ``false_accepts`` (at the lowest threshold) of each keyword; ``carrying``: the
    words with enough of both; (misses, false accepts) on held-out halves, None if no word has
    enough; ``kept``: the decision.
    """

    spoken: dict[str, int]
    false_accepts: dict[str, int]
    carrying: tuple[str, ...]
    held_out_per_keyword: tuple[int, int] | None = None
    held_out_common: tuple[int, int] | None = None
    kept: bool = False

    @property
    def generalises(self) -> bool:
        """Fewer misses and no more false accepts on the held-out halves."""
        if self.held_out_per_keyword is None or self.held_out_common is None:
            return False
        (misses, false), (common_misses, common_false) = (
            self.held_out_per_keyword,
            self.held_out_common,
        )
        return misses < common_misses and false <= common_false


@dataclass(frozen=True)
class Fit:
    """Indices into the rows: for each keyword ``[keywords]``, and the common threshold."""

    rows: Ints
    common: int


class PerKeywordThresholds:
    """Fits thresholds to counts at one smoothing and refractory time.

    ``rows`` differ in their threshold alone, in ascending order. The fit assumes that the
    detections of a word depend on its threshold only. That is nearly true, so a caller that uses
    a fit counts again.
    """

    def __init__(self, tuning_set: TuningSet, rows: Sequence[SweepRow], per_hour: float) -> None:
        self._misses = np.stack([row.counts.misses for row in rows])  # [rows, halves, keywords]
        self._false = np.stack([row.counts.false_accepts for row in rows])
        self._allowed = per_hour * tuning_set.hours
        spoken, false = tuning_set.spoken.sum(axis=0), self._false[0].sum(axis=0)
        self._carries = (spoken >= FEWEST) & (false >= FEWEST)
        self._spoken, self._candidates = (
            dict(zip(tuning_set.keywords, counts.tolist(), strict=True))
            for counts in (spoken, false)
        )
        self._keywords = tuning_set.keywords

    def evidence(self) -> ThresholdEvidence:
        """Fit each half and count on the other: thresholds per keyword, and a common one."""
        carrying = tuple(w for w, c in zip(self._keywords, self._carries, strict=True) if c)
        counted = self._spoken, self._candidates, carrying
        if not carrying:
            return ThresholdEvidence(*counted)
        own = [self._count(self.fit((half,)), 1 - half) for half in BOTH]
        common = [self._count(self._common((half,)), 1 - half) for half in BOTH]
        return ThresholdEvidence(*counted, _sum(own), _sum(common))

    def fit(self, halves: tuple[int, ...] = BOTH) -> Fit:
        """The thresholds that miss fewest words within the false accepts allowed.

        A price is put on a false accept: at each price every word has its best threshold, and
        of all prices that keep within what is allowed the best is taken (Lagrange).
        """
        misses, false = (t[:, halves].sum(axis=1) for t in (self._misses, self._false))
        fits = [self._at_price(misses, false, price) for price in PRICES]
        columns = np.arange(misses.shape[1])
        results = [
            (false[f.rows, columns].sum(), misses[f.rows, columns].sum(), n)
            for n, f in enumerate(fits)
        ]
        within = [(m, f, n) for f, m, n in results if f <= self._limit(halves)]
        return fits[min(within)[2]] if within else self._common(halves)

    def _at_price(self, misses: Ints, false: Ints, price: float) -> Fit:
        cost = misses + price * false  # [rows, keywords]
        rest = cost[:, ~self._carries].sum(axis=1) if not self._carries.all() else cost.sum(axis=1)
        common = _cheapest(rest)
        own = [_cheapest(cost[:, n]) if c else common for n, c in enumerate(self._carries)]
        return Fit(np.array(own), common)

    def _common(self, halves: tuple[int, ...]) -> Fit:
        misses, false = (t[:, halves].sum(axis=(1, 2)) for t in (self._misses, self._false))
        within = np.flatnonzero(false <= max(self._limit(halves), false.min()))
        row = int(within[misses[within].argmin()])
        return Fit(np.full(len(self._keywords), row), row)

    def _limit(self, halves: tuple[int, ...]) -> int:
        return math.floor(self._allowed * len(halves) / HALVES + 1e-9)

    def _count(self, fit: Fit, half: int) -> tuple[int, int]:
        columns = np.arange(len(self._keywords))
        misses, false = (t[fit.rows, half, columns].sum() for t in (self._misses, self._false))
        return int(misses), int(false)


def _cheapest(cost: npt.NDArray[np.float64]) -> int:
    """The row with the least cost; among equals the highest threshold."""
    return int(len(cost) - 1 - cost[::-1].argmin())


def _sum(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(m for m, _ in pairs), sum(f for _, f in pairs)
