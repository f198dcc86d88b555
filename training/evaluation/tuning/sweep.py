"""Every setting tried: one threshold for all words, smoothing, refractory and repeat time."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kws_edge.detection.detector import DetectorConfig
from training.evaluation.tuning.count import Counts, TuningSet

Repeat = float | Literal["off"]
LOWEST, HIGHEST, STEPS = 0.3, 0.9999, 64


@dataclass(frozen=True)
class Row:
    """A setting and what it did."""

    config: DetectorConfig
    counts: Counts

    @property
    def misses(self) -> int:
        return int(self.counts.misses.sum())

    @property
    def false_accepts(self) -> int:
        return int(self.counts.false_accepts.sum())

    def same_times(self, other: "Row") -> bool:
        """Whether only the threshold is another."""
        a, b = self.config, other.config
        return (a.smoothing_ms, a.refractory_ms, a.repeat_ms) == (
            b.smoothing_ms,
            b.refractory_ms,
            b.repeat_ms,
        )


def threshold_grid() -> list[float]:
    """Even in the logarithm of the odds: finest near 1, where good models decide."""
    low, high = (math.log(end / (1 - end)) for end in (LOWEST, HIGHEST))
    return [round(1 / (1 + math.exp(-float(x))), 4) for x in np.linspace(low, high, STEPS)]


def sweep(
    bench: TuningSet,
    smoothing_ms: Sequence[float],
    refractory_ms: Sequence[float],
    repeat_ms: Sequence[Repeat],
    progress: Callable[[Sequence[float]], Iterable[Any]] = iter,
) -> list[Row]:
    """All combinations, by smoothing, refractory time, repeat time and threshold."""
    rows = []
    for smoothing in progress(smoothing_ms):
        smoothed = bench.smoothed(smoothing)
        times = itertools.product(refractory_ms, repeat_ms, threshold_grid())
        for refractory, repeat, threshold in times:
            config = dataclasses.replace(
                bench.base,
                threshold=threshold,
                thresholds={},
                smoothing_ms=smoothing,
                refractory_ms=refractory,
                repeat_ms=repeat,
            )
            rows.append(Row(config, bench.count(smoothed, config)))
    return rows
