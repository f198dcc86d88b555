"""Every setting tried: its misses and false accepts, counted over all streams."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kws_edge.detection.detector import DetectorConfig
from kws_edge.detection.replay import Smoothed, replay, smooth
from kws_edge.detection.scoring import SpokenWord, score
from kws_edge.model.manifest import Manifest
from training.evaluation.tuning.posteriors import Posteriors

Ints = npt.NDArray[np.int64]
HALVES = 2  # of every stream, by time: fit on one, count on the other
Repeat = float | Literal["off"]
LOWEST, HIGHEST, STEPS = 0.3, 0.9999, 64


@dataclass(frozen=True)
class TuningStream:
    """A stream whose words count (``positive``), whose false accepts count (``negative``), or
    both."""

    posteriors: Posteriors
    positive: bool
    negative: bool

    @property
    def words(self) -> tuple[SpokenWord, ...]:
        return self.posteriors.stream.words or ()

    def half(self, time_s: float) -> int:
        return int(time_s >= self.posteriors.seconds / HALVES)


@dataclass(frozen=True)
class Counts:
    """``misses`` and ``false_accepts`` are ``[halves, keywords]``; ``others`` are false accepts
    in streams that count for words alone, ``latency_ms`` the median of the hits, infinite where
    there is none."""

    misses: Ints
    false_accepts: Ints
    others: int
    latency_ms: float


class TuningSet:
    """All streams of a tuning, and the model's labels."""

    def __init__(self, streams: Sequence[TuningStream], manifest: Manifest) -> None:
        self.streams = tuple(streams)
        self.labels = manifest.labels
        self.rate = manifest.features.sample_rate
        self.base = manifest.detector
        self.keywords = manifest.keywords
        self.hours = sum(s.posteriors.seconds for s in streams if s.negative) / 3600
        self.spoken = np.zeros((HALVES, len(self.keywords)), np.int64)
        for stream in streams:
            if stream.positive:
                self.spoken += self._by_word(
                    [(w.label, stream.half(w.start)) for w in stream.words]
                )

    def smoothed(self, smoothing_ms: float) -> list[Smoothed]:
        """The smoothed posteriors of each stream."""
        config = dataclasses.replace(self.base, smoothing_ms=smoothing_ms)
        return [
            smooth(s.posteriors.samples, s.posteriors.values, self.labels, config, self.rate)
            for s in self.streams
        ]

    def count(self, smoothed: Sequence[Smoothed], config: DetectorConfig) -> Counts:
        """Misses and false accepts with ``config``; ``smoothed`` has its smoothing."""
        misses, false_accepts = (np.zeros_like(self.spoken) for _ in range(2))
        others, latency = 0, list[float]()
        for stream, part in zip(self.streams, smoothed, strict=True):
            found = replay(part, self.labels, config, self.rate)
            result = score(found, stream.words, self.keywords)
            wrong = self._by_word([(d.label, stream.half(d.time_s)) for d in result.false_accepts])
            if stream.negative:
                false_accepts += wrong
            else:
                others += int(wrong.sum())
            if stream.positive:
                misses += self._by_word([(w.label, stream.half(w.start)) for w in result.misses])
                latency += [1000 * (d.time_s - w.end) for w, d in result.hits]
        return Counts(
            misses, false_accepts, others, float(np.median(latency)) if latency else np.inf
        )

    def _by_word(self, events: Sequence[tuple[str, int]]) -> Ints:
        """Events (label, half) as ``[halves, keywords]``; other labels do not count."""
        table = np.zeros((HALVES, len(self.keywords)), np.int64)
        for label, half in events:
            if label in self.keywords:
                table[half, self.keywords.index(label)] += 1
        return table


@dataclass(frozen=True)
class Grid:
    """The values to try of each setting of `DetectorConfig`, in ms; thresholds are those of
    `threshold_grid`. Tuning tries every field, and every report shows it."""

    smoothing_ms: tuple[float, ...] = (100.0, 200.0, 300.0, 400.0, 500.0)
    refractory_ms: tuple[float, ...] = (250.0, 500.0, 750.0, 1000.0)
    repeat_ms: tuple[Repeat, ...] = ("off", 800.0)


def grid_for(
    manifest: Manifest,
    smoothing_ms: tuple[float, ...] = (),
    refractory_ms: tuple[float, ...] = (),
) -> Grid:
    """What tuning tries for a model, but for the times that are given.

    A word of 0.2 s is whole in a window of 1 s for 0.8 s: a shorter time to the same word again
    would report short words twice. In longer windows two such times are tried.
    """
    whole = manifest.features.window_ms - 200
    return Grid(
        smoothing_ms or Grid.smoothing_ms,
        refractory_ms or Grid.refractory_ms,
        ("off", whole - 200, whole) if whole > 1000 else ("off", whole),
    )


TUNED = tuple(field.name for field in dataclasses.fields(Grid))


@dataclass(frozen=True)
class SweepRow:
    """A setting and its counts."""

    config: DetectorConfig
    counts: Counts

    @property
    def misses(self) -> int:
        return int(self.counts.misses.sum())

    @property
    def false_accepts(self) -> int:
        return int(self.counts.false_accepts.sum())

    def same_times(self, other: "SweepRow") -> bool:
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
) -> list[SweepRow]:
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
            rows.append(SweepRow(config, tuning_set.count(smoothed, config)))
    return rows
