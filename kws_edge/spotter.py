"""Audio blocks in, detections out. No input or output of its own."""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.audio.files import check_range, from_pcm16
from kws_edge.detection.detector import (
    RETRY_MS,
    Detection,
    Detector,
    DetectorConfig,
)
from kws_edge.detection.detector import samples as samples_of
from kws_edge.detection.energy_gate import IdleGate
from kws_edge.detection.near_misses import NearMiss
from kws_edge.errors import DataError
from kws_edge.features.front_end import RollingFeatures
from kws_edge.model.classifier import Classifier, StreamingClassifier
from kws_edge.model.file import find_model
from kws_edge.types import FloatArray
from kws_edge.verifier import Verdicts, Verification

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decision:
    """The ``posteriors [labels]`` of the window that ends at ``sample``, and the ``seconds``
    that the network took. ``scores [labels]``: their mean over ``smoothing_ms``, which is compared
    with thresholds; None where there is none. ``idle``: there was silence, the network did not
    run, and the posteriors are zeros. ``model`` is its name where several listen."""

    sample: int
    posteriors: FloatArray
    seconds: float
    idle: bool = False
    scores: FloatArray | None = None
    model: str = ""


@dataclass(frozen=True)
class _Settings:
    """All that follows from a `DetectorConfig`, built before any of it is in force."""

    config: DetectorConfig
    detector: Detector
    hop_samples: int
    smoothing_samples: int
    gate: IdleGate | None
    buffer: SampleBuffer


def load_model(model: str | Path = "default", num_threads: int = 1) -> Classifier:
    """A model file (``.tflite``), or a bundled model by its name, ready to run.

    Raises `MissingFileError`, `ModelError` (damaged, or not made for this program) and
    `InterpreterError`, all of them `KwsEdgeError`.
    """
    return Classifier.load(find_model(model), num_threads)


class StreamPlace(Protocol):
    """A spotter, or several, at a place of a stream."""

    verdicts: Verdicts

    @property
    def samples_processed(self) -> int: ...

    @property
    def samples_idle(self) -> int: ...


class KeywordSpotter:
    """Features, classifier and detector over one stream of audio.

    A decision falls every ``hop_ms`` (rounded to whole frames, or chunks of a streaming
    model), the first after one whole window; which blocks the audio comes in makes no
    difference. Each is passed to ``on_decision``. With ``gate_dbfs`` the network idles in
    silence: nothing is spotted there, and what follows is spotted as if it had run.
    With a ``verification`` each detection is checked, within the same push, before it counts: at
    once and, while its word stays above its threshold, at the decisions of the next half second.
    ``verdicts`` counts the results. ``active_keywords`` are those that it spots.
    """

    def __init__(
        self,
        classifier: Classifier,
        config: DetectorConfig | None = None,
        on_decision: Callable[[Decision], None] | None = None,
        near_miss: float = 0.0,
        verification: Verification | None = None,
    ) -> None:
        """``config``: instead of the model's own. Raises `ValidationErrors`, and `ConfigError`
        for a verifier that does not fit the model."""
        self.manifest = manifest = classifier.manifest
        if verification:
            verification.verifier.check(manifest)
        self.verification, self.verdicts = verification, Verdicts()
        self._vetoed: dict[str, NearMiss] = {}  # by label, while a later look may confirm it
        self._missed: list[NearMiss] = []  # those that none confirmed
        self.base_config, self.presets = manifest.detector, manifest.presets
        self.on_decision = on_decision
        self.name, self.features = manifest.name, manifest.features
        self.labels, self.keywords = manifest.labels, manifest.keywords
        self._classifier = classifier
        self.use_features(RollingFeatures(manifest.features))
        self._follow = StreamingClassifier(classifier)
        self._near_miss = near_miss
        self.active_keywords = manifest.keywords
        self.muted = False
        self._window = self.features.framed_samples
        self._buffer = SampleBuffer(self._window)
        self._idle_samples = 0
        # the first decision without the network, in a silence that goes on
        self._idle_since: int | None = None
        self._begin()
        self._use(self._settings(config or manifest.detector))

    @classmethod
    def load(
        cls,
        model: str | Path = "default",
        config: DetectorConfig | None = None,
        verification: Verification | None = None,
    ) -> "KeywordSpotter":
        """A spotter for a model file or the name of a bundled one; raises as `load_model`."""
        return cls(load_model(model), config, verification=verification)

    @property
    def samples_processed(self) -> int:
        """Samples of the stream so far, lost ones included."""
        return self._buffer.end

    @property
    def samples_idle(self) -> int:
        """Samples of the stream for which the network did not run: there was silence, or it was
        muted."""
        return self._idle_samples

    def push(self, block: FloatArray | npt.NDArray[np.int16]) -> list[Detection]:
        """Process ``block [n]``, mono, at the model's rate, any n: float32 in [-1, 1), or int16.

        Returns the detections that fell within it. Raises `DataError` for another type or
        shape, and for samples that are NaN, infinite or far beyond full scale.
        """
        return self.push_checked(checked_block(block))

    def push_checked(self, block: FloatArray) -> list[Detection]:
        """As `push`, for a ``block [n]`` that `checked_block` returned, or a part of it."""
        detections = []
        while len(block):
            part = block[: self._next_decision - self._buffer.end]
            block = block[len(part) :]
            if self.muted:
                self._buffer.skip(len(part))
            else:
                self._buffer.push(part)
            if self._buffer.end == self._next_decision:
                self._next_decision += self._hop
                if detection := self._decide(self._buffer.end):
                    detections.append(detection)
        return detections

    @property
    def samples_to_decision(self) -> int:
        """How many samples the next decision waits for."""
        return self._next_decision - self._buffer.end

    @property
    def members(self) -> tuple["KeywordSpotter", ...]:
        """As a group of one has them."""
        return (self,)

    def use_features(self, features: RollingFeatures) -> None:
        """Take features from a stream that spotters share; before the first `push`."""
        features.readers += 1
        self.rolling_features = features
        self._run = -1  # that of the last decision

    def prepare(self, config: DetectorConfig) -> Callable[[], None]:
        """Build all that other settings need; the function that puts them in force.

        It cannot fail and is to be called before the next `push`. Settings that are equal to
        those in force change nothing: what the detector knows is carried over. Raises
        `ValidationErrors`, and then nothing has changed.
        """
        if config == self.config:
            return lambda: None
        settings = self._settings(config)
        return lambda: self._use(settings)

    def take_near_misses(self) -> list[NearMiss]:
        """Words nearly spotted since the last call; see `Detector`. A vetoed detection is one
        when nothing can confirm it any more."""
        if self._vetoed:
            self._settle_vetoes(self._buffer.end)
        missed, self._missed = self._missed, []
        return [*missed, *self._detector.take_near_misses()]

    def skip(self, samples: int) -> None:
        """Audio was lost: advance the clock and reset everything else."""
        self._buffer.skip(samples)
        self.rolling_features.reset(self._buffer.end)
        self._follow.reset()
        self._detector.reset()
        self._begin()
        if self._gate:
            self._gate.reset(self._began)

    def continue_after(self, before: "StreamPlace") -> None:
        """Take the place of ``before`` in its stream, before the first `push`: the clock and the
        counts go on, and the next window begins now. Both have one sample rate."""
        self.skip(before.samples_processed)
        self._idle_samples, self.verdicts = before.samples_idle, before.verdicts

    def set_verifier_threshold(self, threshold: float) -> None:
        """Detections must reach this score of the verifier from now on; without one no change."""
        if self.verification:
            self.verification = replace(self.verification, threshold=threshold)

    def set_active_keywords(self, keywords: Collection[str]) -> None:
        """Spot these alone from now on: others neither count nor start a refractory time. Words
        that the model does not have are ignored."""
        known = self._classifier.manifest.keywords
        self.active_keywords = tuple(word for word in known if word in keywords)
        self._detector.set_active_keywords(self.active_keywords)

    def set_muted(self, muted: bool) -> None:
        """Spot nothing from now on, or begin afresh: nothing that was said meanwhile is looked at.

        While muted, time goes on as in a silence for which the network does not run.
        """
        if muted != self.muted:
            self.muted = muted
            self._vetoed.clear()
            self._missed.clear()
            self.skip(0)

    def _settings(self, config: DetectorConfig) -> _Settings:
        rate = self.features.sample_rate
        detector = Detector(self._classifier.manifest.labels, config, rate, self._near_miss)
        step = self.features.frame_step * self._follow.chunk_frames
        smoothing = round(config.smoothing_ms * rate / 1000)
        reach = self._window + smoothing  # what the mean of a decision depends on
        checked = self.verification.verifier.window_samples if self.verification else 0
        level = config.gate_dbfs
        gate = None if level == "off" else IdleGate(level, reach, rate)
        if gate:
            gate.reset(self._began)
        return _Settings(
            config=config,
            detector=detector,
            hop_samples=max(1, round(config.hop_ms * rate / 1000 / step)) * step,
            smoothing_samples=smoothing,
            gate=gate,
            buffer=self._buffer.resized(max(reach, checked) + 1),
        )

    def _use(self, settings: _Settings) -> None:
        self.config, self._detector = settings.config, settings.detector
        self._detector.set_active_keywords(self.active_keywords)
        self._hop, self._smoothing = settings.hop_samples, settings.smoothing_samples
        self._gate, self._buffer = settings.gate, settings.buffer
        self._idle_since = None

    def _begin(self) -> None:
        self._began = self._buffer.end
        self._next_decision = self._buffer.end + self._window
        self._idle_since = None

    def _decide(self, sample: int) -> Detection | None:
        if self.muted or (self._gate and not self._gate.is_open(self._buffer)):
            self._idle(sample)
            return None
        if self._idle_since is not None:
            # the silent decisions that the mean of this one includes
            first = sample - (self._smoothing - 1) // self._hop * self._hop
            for passed in range(max(first, self._idle_since), sample, self._hop):
                posteriors, seconds = self._posteriors(passed)
                self._detector.backfill(passed, posteriors)
                if self.on_decision:
                    self.on_decision(Decision(passed, posteriors, seconds))
            self._idle_since = None
        posteriors, seconds = self._posteriors(sample)
        detection = self._detector.push(sample, posteriors)
        if self.on_decision:
            scores = self._detector.scores
            self.on_decision(Decision(sample, posteriors, seconds, scores=scores))
        return self._verified(detection) if detection else None

    def _verified(self, detection: Detection) -> Detection | None:
        if self.verification is None:
            return detection
        started = time.perf_counter()
        score = self.verification.score(detection, self._buffer)
        confirmed = score >= self.verification.threshold
        self.verdicts.seconds += time.perf_counter() - started
        (self.verdicts.confirmed if confirmed else self.verdicts.vetoed)[detection.label] += 1
        if confirmed:
            self._vetoed.pop(detection.label, None)
            return replace(detection, verifier=score)
        self._detector.veto()
        self._settle_vetoes(detection.sample)
        if self._near_miss:
            found = detection.label, detection.score, detection.sample, detection.time_s
            self._vetoed[detection.label] = NearMiss(*found, verifier=score)
        log.debug(
            "%s at %.2f s vetoed: score %.2f, of the verifier %.2f",
            *(detection.label, detection.time_s, detection.score, score),
        )
        return None

    def _settle_vetoes(self, sample: int) -> None:
        """No look at ``sample`` or later confirms a detection that was vetoed long before."""
        over = sample - samples_of(RETRY_MS, self.features.sample_rate)
        for label in [name for name, miss in self._vetoed.items() if miss.sample <= over]:
            self._missed.append(self._vetoed.pop(label))

    def _idle(self, sample: int) -> None:
        if self._idle_since is None:
            self._idle_since = sample
        self._idle_samples += self._hop
        self._detector.idle(sample)
        if self.on_decision:
            nothing = np.zeros(len(self._classifier.manifest.labels), np.float32)
            self.on_decision(Decision(sample, nothing, 0.0, idle=True))

    def _posteriors(self, sample: int) -> tuple[FloatArray, float]:
        """Of the window that ends at ``sample``, and the seconds that the network took."""
        window = self.rolling_features.window(sample, self._buffer)
        if window.run != self._run:  # its frames do not follow those of the last decision
            self._run = window.run
            self._follow.reset()
        started = time.perf_counter()
        posteriors = self._follow(window.features, window.frames_seen)
        return posteriors, time.perf_counter() - started


def checked_block(block: npt.NDArray[Any]) -> FloatArray:
    """``block [n]`` as float32 in [-1, 1). Raises `DataError`."""
    if not isinstance(block, np.ndarray):
        raise DataError(f"audio: found {type(block).__name__}, expected a NumPy array [n]")
    if block.ndim != 1:
        raise DataError(f"audio: found shape {block.shape}, expected one channel, [n]")
    if block.dtype == np.int16:
        return from_pcm16(block)
    if block.dtype != np.float32:
        raise DataError(f"audio: found {block.dtype}, expected float32 in [-1, 1) or int16")
    check_range(block, "audio")
    return block
