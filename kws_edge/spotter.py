"""Audio blocks in, detections out. No input or output of its own."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.detector import Detection, Detector, DetectorConfig
from kws_edge.following import Follower
from kws_edge.model import Classifier
from kws_edge.near_miss import NearMiss
from kws_edge.shipped import find_model
from kws_edge.streaming import FeatureStream
from kws_edge.tables import FloatArray


@dataclass(frozen=True)
class Decision:
    """One look at the window that ends at ``sample``: ``posteriors [labels]``, and the
    ``seconds`` that the network took."""

    sample: int
    posteriors: FloatArray
    seconds: float


class KeywordSpotter:
    """Features, classifier and detector over one stream of audio.

    A decision falls every ``hop_ms`` (rounded to whole frames, or chunks of a streaming
    model), the first when a whole window has been heard; which blocks the audio comes in
    makes no difference.
    ``on_decision`` is told of each.
    """

    def __init__(
        self,
        classifier: Classifier,
        config: DetectorConfig | None = None,
        on_decision: Callable[[Decision], None] | None = None,
        near_miss: float = 0.0,
    ) -> None:
        manifest = classifier.manifest
        self.base_config = manifest.detector
        self.config = config or manifest.detector
        self.on_decision = on_decision
        self.features = manifest.features
        self._classifier = classifier
        self._stream = FeatureStream(manifest.features)
        self._follow = Follower(classifier)
        self._near_miss = near_miss
        self._heard = 0  # samples since the stream began: its clock
        # A quarter of a second at most waits for its features: five frames at once take a
        # third of the time of five alone, and nobody looks at them before the next decision.
        self._waiting = np.empty(self.features.sample_rate // 4, np.float32)
        self._held = 0
        self.reconfigure(self.config)
        self._schedule()

    @classmethod
    def load(
        cls, model: str | Path = "default", config: DetectorConfig | None = None
    ) -> "KeywordSpotter":
        """A spotter for a model file or the name of one that ships."""
        return cls(Classifier.load(find_model(model)), config)

    @property
    def samples_heard(self) -> int:
        """Samples of the stream so far, skipped ones included."""
        return self._heard

    def push(self, block: FloatArray) -> list[Detection]:
        """Take ``block [n]`` (float32 in [-1, 1), mono, at the model's rate), any n."""
        detections = []
        while len(block):
            part = block[: min(self._next_decision - self._heard, len(self._waiting) - self._held)]
            block = block[len(part) :]
            self._waiting[self._held : self._held + len(part)] = part
            self._held += len(part)
            self._heard += len(part)
            if self._held == len(self._waiting) or self._heard == self._next_decision:
                self._stream.push(self._waiting[: self._held])
                self._held = 0
            if self._heard == self._next_decision:
                self._next_decision += self._hop
                if detection := self._decide():
                    detections.append(detection)
        return detections

    def reconfigure(self, config: DetectorConfig) -> None:
        """Detect by other settings from now on, without losing audio. Raises `Faults`."""
        detector = Detector(
            self._classifier.manifest.labels, config, self.features.sample_rate, self._near_miss
        )
        self.config, self._detector = config, detector
        hop = config.hop_ms * self.features.sample_rate / 1000
        step = self.features.frame_step * self._follow.chunk_frames
        self._hop = max(1, round(hop / step)) * step

    def take_near_misses(self) -> list[NearMiss]:
        """Words nearly spotted since the last call; see `Detector`."""
        return self._detector.take_near_misses()

    def skip(self, samples: int) -> None:
        """Audio was lost: the clock goes on, all else starts afresh."""
        self._heard += samples
        self._stream.reset()
        self._follow.reset()
        self._held = 0
        self._detector.reset()
        self._schedule()

    def choose(self, keywords: Collection[str]) -> None:
        """Spot these alone from now on: others neither count nor start a refractory time."""
        self._detector.choose(keywords)

    def _decide(self) -> Detection | None:
        started = time.perf_counter()
        posteriors = self._follow(self._stream.window, self._stream.frames_seen)
        if self.on_decision:
            seconds = time.perf_counter() - started
            self.on_decision(Decision(self._heard, posteriors, seconds))
        return self._detector.push(self._heard, posteriors)

    def _schedule(self) -> None:
        frames, _ = self.features.shape
        first = self.features.frame_length + (frames - 1) * self.features.frame_step
        self._next_decision = self._heard + first
