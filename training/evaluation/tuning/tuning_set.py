"""Misses and false accepts of one setting, counted over all streams."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.detection.detector import DetectorConfig
from kws_edge.detection.replay import Smoothed, replay, smooth
from kws_edge.detection.scoring import SpokenWord, score
from kws_edge.model.manifest import Manifest
from training.evaluation.tuning.posteriors import Posteriors

Ints = npt.NDArray[np.int64]

HALVES = 2  # of every stream, by time: what is fitted on one is tried on the other


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
        return [
            smooth(
                s.posteriors.samples, s.posteriors.values, smoothing_ms, self.base.hop_ms, self.rate
            )
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
