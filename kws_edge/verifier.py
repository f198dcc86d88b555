"""The second stage: another look at the audio of a detection, before it is reported."""

from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.detection.detector import Detection, is_keyword
from kws_edge.errors import ConfigError
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import find_model
from kws_edge.model.manifest import Manifest
from kws_edge.types import FloatArray

THRESHOLD = 0.6  # of its score, where the user names none
SMALLEST = 1e-6  # where a network rounds all of these posteriors to 0
# One look is the mean of windows that end now and up to 240 ms earlier. On the validation streams
# that gains two points of recall at equal false accepts, and more than a later look does.
WINDOWS, STEP_MS = 4, 80


class Verifier(Protocol):
    """A second opinion on a detection, the same whatever it was asked before."""

    window_samples: int  # of the audio that it sees

    def score(self, samples: FloatArray, word: str) -> float:
        """How surely ``samples [window_samples]``, the audio up to the detection, hold ``word``:
        0 to 1."""
        ...

    def check(self, manifest: Manifest) -> None:
        """Raises `ConfigError` where it cannot judge the keywords of that model."""
        ...


class ModelVerifier:
    """Any model file as a verifier, over windows of its own length.

    Its score is the posterior of the word beside those of no keyword, each the mean of `WINDOWS`
    windows: another keyword in a window that is longer than the first stage's is no reason
    against this one.
    """

    def __init__(self, classifier: Classifier) -> None:
        """Raises `ConfigError` where the front end needs an extra that is not installed."""
        self._classifier = classifier
        self._manifest = classifier.manifest
        self._keywords = np.array([is_keyword(label) for label in self._manifest.labels])
        self._front_end = FrontEnd(self._manifest.features)
        self._window = self._manifest.features.framed_samples
        self._step = round(STEP_MS * self._manifest.features.sample_rate / 1000)
        self.window_samples = self._window + (WINDOWS - 1) * self._step
        # of the looks before: a veto is followed by another look one decision later
        self._known: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=WINDOWS)

    def score(self, samples: FloatArray, word: str) -> float:
        starts = range(0, WINDOWS * self._step, self._step)
        windows = [self._posteriors(samples[start : start + self._window]) for start in starts]
        posteriors = np.mean(windows, axis=0)
        of_word = float(posteriors[self._manifest.labels.index(word)])
        if self._keywords.all():
            return of_word
        return of_word / (of_word + float(posteriors[~self._keywords].sum()) + SMALLEST)

    def _posteriors(self, samples: FloatArray) -> FloatArray:
        for known, posteriors in self._known:
            if np.array_equal(known, samples):
                return posteriors
        posteriors = np.clip(self._classifier(self._front_end(samples)), 0.0, 1.0)
        self._known.append((samples.copy(), posteriors))
        return posteriors

    def check(self, manifest: Manifest) -> None:
        mine, name = self._manifest, self._manifest.name
        if unknown := [word for word in manifest.keywords if word not in mine.keywords]:
            raise ConfigError(
                f"the verifier {name} does not know {', '.join(unknown)}, which"
                f" {manifest.name} spots (it knows {', '.join(mine.keywords)})"
            )
        if mine.features.sample_rate != manifest.features.sample_rate:
            raise ConfigError(
                f"the verifier {name} is of {mine.features.sample_rate} Hz,"
                f" {manifest.name} of {manifest.features.sample_rate} Hz"
            )


@dataclass(frozen=True)
class Verification:
    """A detection counts where the score of ``verifier`` reaches ``threshold`` (0 to 1)."""

    verifier: Verifier
    threshold: float = THRESHOLD

    @classmethod
    def load(
        cls, model: str | Path, threshold: float = THRESHOLD, num_threads: int = 1
    ) -> "Verification":
        """By a model file or a bundled model; raises as `load_model`, and `ConfigError`."""
        return cls(ModelVerifier(Classifier.load(find_model(model), num_threads)), threshold)

    def score(self, detection: Detection, audio: SampleBuffer) -> float:
        """The verifier's score of the stream's last ``audio``, with zeros before its beginning."""
        size = self.verifier.window_samples
        _, samples = audio.read(detection.sample - size, detection.sample)
        before = np.zeros(size - len(samples), np.float32)
        return self.verifier.score(np.concatenate([before, samples]), detection.label)


@dataclass
class Verdicts:
    """How often a look ``confirmed`` and ``vetoed`` each keyword, and the time of all looks."""

    confirmed: Counter[str] = field(default_factory=Counter)
    vetoed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
