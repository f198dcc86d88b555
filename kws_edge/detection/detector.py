"""From posteriors to detections: smoothing, threshold, refractory time.

Pure and clocked by samples: the same posteriors at the same times give the same
detections, live or offline.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from kws_edge.detection.near_miss import NearMiss, NearMissTracker
from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray


@dataclass(frozen=True)
class DetectorConfig:
    """When a run of posteriors counts as a spotted keyword.

    ``threshold`` (0 to 1) holds for every keyword that ``thresholds`` does not name;
    times are in ms: ``hop_ms`` between two decisions, ``smoothing_ms`` over which
    posteriors are averaged, ``refractory_ms`` after a detection without another. A keyword that
    stays above its threshold is told once, or again after every ``repeat_ms``: a word said twice
    in a row may leave no dip between, and no single one is whole in two windows so far apart.
    Where nothing reaches ``gate_dbfs`` (RMS of 20 ms, dB of full scale) no decision is made: see
    `kws_edge.detection.energy_gate`.
    """

    threshold: float = 0.7
    smoothing_ms: float = 300.0
    refractory_ms: float = 750.0
    hop_ms: float = 100.0
    thresholds: dict[str, float] = field(default_factory=dict)
    gate_dbfs: float | Literal["off"] = "off"
    repeat_ms: float | Literal["off"] = "off"

    def __post_init__(self) -> None:
        faults = []
        for name, value in [("threshold", self.threshold), *self.thresholds.items()]:
            if not 0 < value <= 1:
                faults.append(f"{name}: {value} is not within 0 to 1")
        if self.smoothing_ms < 0:
            faults.append(f"smoothing_ms: {self.smoothing_ms} is below 0")
        if self.refractory_ms < 0:
            faults.append(f"refractory_ms: {self.refractory_ms} is below 0")
        if self.repeat_ms != "off" and not self.repeat_ms > 0:
            faults.append(f"repeat_ms: {self.repeat_ms} is not above 0, or 'off'")
        if self.hop_ms <= 0:
            faults.append(f"hop_ms: {self.hop_ms} is not above 0")
        if self.gate_dbfs != "off" and not self.gate_dbfs < 0:  # nor nan
            faults.append(f"gate_dbfs: {self.gate_dbfs} is not below 0, or 'off'")
        if faults:
            raise ValidationErrors(faults)

    def threshold_of(self, keyword: str) -> float:
        """Its own, or that of all."""
        return self.thresholds.get(keyword, self.threshold)


@dataclass(frozen=True)
class Detection:
    """A keyword heard: ``sample`` is the end of the window that decided, ``time_s`` the same
    in seconds of the stream, ``score`` the smoothed posterior (0 to 1)."""

    label: str
    score: float
    sample: int
    time_s: float


def is_keyword(label: str) -> bool:
    """Whether a label is a word to report; ``_unknown_`` and ``_silence_`` are not."""
    return not label.startswith("_")


class Detector:
    """Feed it posteriors in order of time; it answers with a `Detection` or None.

    With ``near_miss`` above 0 (and below 1) it also collects what came to that share of a
    threshold and no further, for `take_near_misses`.
    """

    def __init__(
        self,
        labels: Sequence[str],
        config: DetectorConfig,
        sample_rate: int,
        near_miss: float = 0.0,
    ) -> None:
        keywords = list(filter(is_keyword, labels))
        unknown = sorted(set(config.thresholds) - set(keywords))
        if unknown:
            raise ValidationErrors(
                [f"thresholds.{name}: no such keyword ({', '.join(keywords)})" for name in unknown]
            )
        self.config = config
        self._labels = tuple(labels)
        self._rate = sample_rate
        self.choose(labels)
        self._near_misses: list[NearMiss] = []
        self._tracker = (
            NearMissTracker(
                self._labels,
                self._thresholds.tolist(),
                near_miss,
                self._samples(config.refractory_ms),
                sample_rate,
            )
            if near_miss
            else None
        )
        self.reset()

    def choose(self, labels: Collection[str]) -> None:
        """Report these keywords alone: others neither count nor start a refractory time."""
        self._thresholds = np.array(
            [
                self.config.threshold_of(label) if is_keyword(label) and label in labels else np.inf
                for label in self._labels
            ]
        )

    def reset(self) -> None:
        """Start afresh, as after a gap in the audio."""
        if self._tracker:
            self._tracker.reset()
        self._recent: deque[tuple[int, FloatArray]] = deque()
        self._first: int | None = None
        self._quiet_until = 0
        self._held: int | None = None  # the label that fired and has not let go since
        self._told = 0  # when it fired last

    def push(self, sample: int, posteriors: FloatArray) -> Detection | None:
        """Take the ``posteriors [labels]`` of the window that ends at ``sample``."""
        self.recall(sample, posteriors)
        smoothed = self._smoothed(sample)
        if smoothed is None:
            return None
        detection = self._decide(sample, smoothed)
        if self._tracker:
            spotted = sample < self._quiet_until or detection is not None
            self._near_misses += self._tracker.push(sample, smoothed, spotted)
        return detection

    def rest(self, sample: int) -> None:
        """Silence at ``sample``: nothing is heard, and what was held is let go."""
        self._first = sample if self._first is None else self._first
        self._held = None
        if self._tracker:
            nothing = np.zeros(len(self._labels), np.float32)
            self._near_misses += self._tracker.push(sample, nothing, sample < self._quiet_until)

    def recall(self, sample: int, posteriors: FloatArray) -> None:
        """Take posteriors of a silence after all, for the mean of those that follow."""
        self._first = sample if self._first is None else self._first
        self._recent.append((sample, posteriors))

    def take_near_misses(self) -> list[NearMiss]:
        """The near misses since the last call, each reported when it was over."""
        taken, self._near_misses = self._near_misses, []
        return taken

    def _decide(self, sample: int, smoothed: FloatArray) -> Detection | None:
        if self._held is not None and smoothed[self._held] < self._thresholds[self._held]:
            self._held = None
        best = int(np.argmax(smoothed))
        score = float(smoothed[best])
        if score < self._thresholds[best] or sample < self._quiet_until:
            return None
        if best == self._held and not self._repeated(sample):
            return None
        self._held, self._told = best, sample
        self._quiet_until = sample + self._samples(self.config.refractory_ms)
        return Detection(self._labels[best], score, sample, sample / self._rate)

    def _repeated(self, sample: int) -> bool:
        """Whether what is held has stayed for longer than one word; by default never, so that a
        noise that stays is one detection."""
        repeat = self.config.repeat_ms
        return repeat != "off" and sample - self._told >= self._samples(repeat)

    def _smoothed(self, sample: int) -> FloatArray | None:
        """Mean over the last ``smoothing_ms``; None until so much has been heard."""
        span = self._samples(self.config.smoothing_ms)
        while self._recent[0][0] <= sample - span and len(self._recent) > 1:
            self._recent.popleft()
        hop = self._samples(self.config.hop_ms)
        if self._first is None or sample - self._first + hop < span:
            return None
        total = np.zeros(len(self._labels), np.float32)
        for _, one in self._recent:
            total += one
        return total / np.float32(len(self._recent))  # np.mean takes four times as long

    def _samples(self, milliseconds: float) -> int:
        return round(milliseconds * self._rate / 1000)
