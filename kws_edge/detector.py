"""From posteriors to detections: smoothing, threshold, refractory time.

Pure and clocked by samples: the same posteriors at the same times give the same
detections, live or offline.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kws_edge.errors import Faults
from kws_edge.tables import FloatArray


@dataclass(frozen=True)
class DetectorConfig:
    """When a run of posteriors counts as a spotted keyword.

    ``threshold`` (0 to 1) holds for every keyword that ``thresholds`` does not name;
    times are in ms: ``hop_ms`` between two decisions, ``smoothing_ms`` over which
    posteriors are averaged, ``refractory_ms`` after a detection without another.
    """

    threshold: float = 0.7
    smoothing_ms: float = 300.0
    refractory_ms: float = 750.0
    hop_ms: float = 100.0
    thresholds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = []
        for name, value in [("threshold", self.threshold), *self.thresholds.items()]:
            if not 0 < value <= 1:
                faults.append(f"{name}: {value} is not within 0 to 1")
        if self.smoothing_ms < 0:
            faults.append(f"smoothing_ms: {self.smoothing_ms} is below 0")
        if self.refractory_ms < 0:
            faults.append(f"refractory_ms: {self.refractory_ms} is below 0")
        if self.hop_ms <= 0:
            faults.append(f"hop_ms: {self.hop_ms} is not above 0")
        if faults:
            raise Faults(faults)


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
    """Feed it posteriors in order of time; it answers with a `Detection` or None."""

    def __init__(self, labels: Sequence[str], config: DetectorConfig, sample_rate: int) -> None:
        unknown = sorted(set(config.thresholds) - set(labels))
        if unknown:
            raise Faults([f"thresholds.{name}: no such label ({', '.join(labels)})"
                          for name in unknown])  # fmt: skip
        self.config = config
        self._labels = tuple(labels)
        self._rate = sample_rate
        self._thresholds = np.array(
            [
                config.thresholds.get(label, config.threshold) if is_keyword(label) else np.inf
                for label in labels
            ]
        )
        self.reset()

    def reset(self) -> None:
        """Start afresh, as after a gap in the audio."""
        self._recent: deque[tuple[int, FloatArray]] = deque()
        self._first: int | None = None
        self._quiet_until = 0
        self._held: int | None = None  # the label that fired and has not let go since

    def push(self, sample: int, posteriors: FloatArray) -> Detection | None:
        """Take the ``posteriors [labels]`` of the window that ends at ``sample``."""
        smoothed = self._smooth(sample, posteriors)
        if smoothed is None:
            return None
        if self._held is not None and smoothed[self._held] < self._thresholds[self._held]:
            self._held = None
        best = int(np.argmax(smoothed))
        score = float(smoothed[best])
        if score < self._thresholds[best] or sample < self._quiet_until:
            return None
        if best == self._held:  # one long word, or a noise that stays, is one detection
            return None
        self._held = best
        self._quiet_until = sample + self._samples(self.config.refractory_ms)
        return Detection(self._labels[best], score, sample, sample / self._rate)

    def _smooth(self, sample: int, posteriors: FloatArray) -> FloatArray | None:
        """Mean over the last ``smoothing_ms``; None until so much has been heard."""
        span = self._samples(self.config.smoothing_ms)
        if self._first is None:
            self._first = sample
        self._recent.append((sample, posteriors))
        while self._recent[0][0] <= sample - span and len(self._recent) > 1:
            self._recent.popleft()
        hop = self._samples(self.config.hop_ms)
        if sample - self._first + hop < span:
            return None
        mean: FloatArray = np.mean([p for _, p in self._recent], axis=0)
        return mean

    def _samples(self, milliseconds: float) -> int:
        return round(milliseconds * self._rate / 1000)
