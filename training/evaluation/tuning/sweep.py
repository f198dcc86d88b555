"""Every setting tried: one threshold for all words, and the times of `Grid`."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kws_edge.detection.detector import DetectorConfig
from training.evaluation.tuning.tuning_set import Counts, TuningSet

Repeat = float | Literal["off"]
LOWEST, HIGHEST, STEPS = 0.3, 0.9999, 64


@dataclass(frozen=True)
class Grid:
    """The values to try of each setting of `DetectorConfig`, in ms; thresholds are those of
    `threshold_grid`. A field added here is tried, and shown in every report."""

    smoothing_ms: tuple[float, ...] = (100.0, 200.0, 300.0, 400.0, 500.0)
    refractory_ms: tuple[float, ...] = (250.0, 500.0, 750.0, 1000.0)
    # a word of 0.2 s is whole for 0.8 s; a shorter time would report short words twice
    repeat_ms: tuple[Repeat, ...] = ("off", 800.0)


DEFAULT_GRID = Grid()
TUNED = tuple(field.name for field in dataclasses.fields(Grid))


@dataclass(frozen=True)
class Row:
    """A setting and its counts."""

    config: DetectorConfig
    counts: Counts

    @property
    def misses(self) -> int:
        return int(self.counts.misses.sum())

    @property
    def false_accepts(self) -> int:
        return int(self.counts.false_accepts.sum())

    def same_times(self, other: "Row") -> bool:
        """Whether they differ in their thresholds alone."""
        return all(getattr(self.config, n) == getattr(other.config, n) for n in TUNED)


def threshold_grid() -> list[float]:
    """Even in the logarithm of the odds: finest near 1, where good models decide."""
    low, high = (math.log(end / (1 - end)) for end in (LOWEST, HIGHEST))
    return [round(1 / (1 + math.exp(-float(x))), 4) for x in np.linspace(low, high, STEPS)]


def sweep(
    tuning_set: TuningSet,
    grid: Grid,
    progress: Callable[[Sequence[float]], Iterable[Any]] = iter,
) -> list[Row]:
    """All combinations of ``grid``, by smoothing first and by threshold last."""
    rows = []
    others = {name: getattr(grid, name) for name in TUNED if name != "smoothing_ms"}
    for smoothing in progress(grid.smoothing_ms):
        smoothed = tuning_set.smoothed(smoothing)
        for *values, threshold in itertools.product(*others.values(), threshold_grid()):
            config = dataclasses.replace(
                tuning_set.base,
                threshold=threshold,
                thresholds={},
                smoothing_ms=smoothing,
                **dict(zip(others, values, strict=True)),
            )
            rows.append(Row(config, tuning_set.count(smoothed, config)))
    return rows
