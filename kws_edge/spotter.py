"""Audio blocks in, detections out. No input or output of its own."""

from collections.abc import Collection
from pathlib import Path

from kws_edge.detector import Detection, Detector, DetectorConfig
from kws_edge.model import Classifier
from kws_edge.shipped import find_model
from kws_edge.streaming import FeatureStream
from kws_edge.tables import FloatArray


class KeywordSpotter:
    """Features, classifier and detector over one stream of audio.

    A decision falls every ``hop_ms`` (rounded to whole frames), the first when a whole
    window has been heard; which blocks the audio comes in makes no difference.
    """

    def __init__(self, classifier: Classifier, config: DetectorConfig | None = None) -> None:
        manifest = classifier.manifest
        self.config = config or manifest.detector
        self.features = manifest.features
        self._classifier = classifier
        self._stream = FeatureStream(manifest.features)
        self._detector = Detector(manifest.labels, self.config, manifest.features.sample_rate)
        hop = self.config.hop_ms * manifest.features.sample_rate / 1000
        self._hop = max(1, round(hop / self.features.frame_step)) * self.features.frame_step
        self._heard = 0  # samples since the stream began: its clock
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
            part = block[: self._next_decision - self._heard]
            block = block[len(part) :]
            self._stream.push(part)
            self._heard += len(part)
            if self._heard == self._next_decision:
                self._next_decision += self._hop
                posteriors = self._classifier(self._stream.window)
                if detection := self._detector.push(self._heard, posteriors):
                    detections.append(detection)
        return detections

    def skip(self, samples: int) -> None:
        """Audio was lost: the clock goes on, all else starts afresh."""
        self._heard += samples
        self._stream.reset()
        self._detector.reset()
        self._schedule()

    def choose(self, keywords: Collection[str]) -> None:
        """Spot these alone from now on: others neither count nor start a refractory time."""
        self._detector.choose(keywords)

    def _schedule(self) -> None:
        frames, _ = self.features.shape
        first = self.features.frame_length + (frames - 1) * self.features.frame_step
        self._next_decision = self._heard + first
