"""Audio blocks in, detections out. No input or output of its own."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.audio.history import History
from kws_edge.detection.detector import Detection, Detector, DetectorConfig
from kws_edge.detection.energy_gate import IdleGate
from kws_edge.detection.near_miss import NearMiss
from kws_edge.features.stream import FeatureStream
from kws_edge.model.bundled import find_model
from kws_edge.model.classifier import Classifier, StreamingClassifier
from kws_edge.types import FloatArray


@dataclass(frozen=True)
class Decision:
    """One look at the window that ends at ``sample``: ``posteriors [labels]``, and the
    ``seconds`` that the network took. ``rested``: there was silence, the network was not
    asked, and the posteriors are those of nothing, zeros."""

    sample: int
    posteriors: FloatArray
    seconds: float
    rested: bool = False


class KeywordSpotter:
    """Features, classifier and detector over one stream of audio.

    A decision falls every ``hop_ms`` (rounded to whole frames, or chunks of a streaming
    model), the first when a whole window has been heard; which blocks the audio comes in
    makes no difference. ``on_decision`` is told of each. With ``gate_dbfs`` it rests in
    silence: nothing is spotted there, and what follows is spotted as if it had not rested.
    """

    def __init__(
        self,
        classifier: Classifier,
        config: DetectorConfig | None = None,
        on_decision: Callable[[Decision], None] | None = None,
        near_miss: float = 0.0,
    ) -> None:
        manifest = classifier.manifest
        self.base_config, self.presets = manifest.detector, manifest.presets
        self.config = config or manifest.detector
        self.on_decision = on_decision
        self.features = manifest.features
        self._classifier = classifier
        self._stream = FeatureStream(manifest.features)
        self._follow = StreamingClassifier(classifier)
        self._near_miss = near_miss
        frames, _ = self.features.shape
        self._window = self.features.frame_length + (frames - 1) * self.features.frame_step
        self._history = History(self._window)
        self._rested = 0
        self.reconfigure(self.config)
        self._begin()

    @classmethod
    def load(
        cls, model: str | Path = "default", config: DetectorConfig | None = None
    ) -> "KeywordSpotter":
        """A spotter for a model file or the name of one that ships."""
        return cls(Classifier.load(find_model(model)), config)

    @property
    def samples_heard(self) -> int:
        """Samples of the stream so far, skipped ones included."""
        return self._history.end

    @property
    def samples_rested(self) -> int:
        """Samples of the stream for which no decision was made, since there was silence."""
        return self._rested

    def push(self, block: FloatArray) -> list[Detection]:
        """Take ``block [n]`` (float32 in [-1, 1), mono, at the model's rate), any n."""
        detections = []
        while len(block):
            part = block[: self._next_decision - self._history.end]
            block = block[len(part) :]
            self._history.push(part)
            if self._history.end == self._next_decision:
                self._next_decision += self._hop
                if detection := self._decide(self._history.end):
                    detections.append(detection)
        return detections

    def reconfigure(self, config: DetectorConfig) -> None:
        """Detect by other settings from now on, without losing audio. Raises `ValidationErrors`."""
        rate = self.features.sample_rate
        detector = Detector(self._classifier.manifest.labels, config, rate, self._near_miss)
        self.config, self._detector = config, detector
        step = self.features.frame_step * self._follow.chunk_frames
        self._hop = max(1, round(config.hop_ms * rate / 1000 / step)) * step
        self._smoothing = round(config.smoothing_ms * rate / 1000)
        reach = self._window + self._smoothing  # what the mean of a decision depends on
        level = config.gate_dbfs
        self._gate = None if level == "off" else IdleGate(level, reach, rate)
        self._history = self._history.resized(reach + 1)
        self._resting_since: int | None = None  # first decision of a rest under these settings

    def take_near_misses(self) -> list[NearMiss]:
        """Words nearly spotted since the last call; see `Detector`."""
        return self._detector.take_near_misses()

    def skip(self, samples: int) -> None:
        """Audio was lost: the clock goes on, all else starts afresh."""
        self._history.skip(samples)
        self._stream.reset()
        self._follow.reset()
        self._detector.reset()
        self._begin()

    def set_active_keywords(self, keywords: Collection[str]) -> None:
        """Spot these alone from now on: others neither count nor start a refractory time."""
        self._detector.set_active_keywords(keywords)

    def _begin(self) -> None:
        self._current = self._history.end  # features have been made up to here
        self._next_decision = self._history.end + self._window
        self._resting_since = None
        if self._gate:
            self._gate.reset(self._history.end)

    def _decide(self, sample: int) -> Detection | None:
        if self._gate and not self._gate.is_open(self._history):
            self._rest(sample)
            return None
        if self._resting_since is not None:
            # the silent decisions that the mean of this one includes
            first = sample - (self._smoothing - 1) // self._hop * self._hop
            for passed in range(max(first, self._resting_since), sample, self._hop):
                self._detector.backfill(passed, self._look(passed))
            self._resting_since = None
        return self._detector.push(sample, self._look(sample))

    def _rest(self, sample: int) -> None:
        if self._resting_since is None:
            self._resting_since = sample
        self._rested += self._hop
        self._detector.idle(sample)
        if self.on_decision:
            nothing = np.zeros(len(self._classifier.manifest.labels), np.float32)
            self.on_decision(Decision(sample, nothing, 0.0, rested=True))

    def _look(self, sample: int) -> FloatArray:
        self._make_current(sample)
        started = time.perf_counter()
        posteriors = self._follow(self._stream.window, self._stream.frames_seen)
        if self.on_decision:
            seconds = time.perf_counter() - started
            self.on_decision(Decision(sample, posteriors, seconds))
        return posteriors

    def _make_current(self, sample: int) -> None:
        """Bring all that is kept from decision to decision up to ``sample``: from the new
        samples, or afresh from the window's where a rest or a hop was longer than that."""
        start = sample - self._window
        if self._current < start:
            previous = self._history.read(start - 1, start)
            self._stream.reset(float(previous[0]))
            self._follow.reset()
            self._current = start
        new = self._history.read(self._current, sample)
        self._stream.push(new)
        self._current = sample
