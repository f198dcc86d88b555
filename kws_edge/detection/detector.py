"""Settings of the detector, and the detector: posteriors in, detections out."""

import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kws_edge.config.schema import check_bounds, did_you_mean, setting
from kws_edge.detection.near_misses import NearMiss, NearMissTracker
from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray

RETRY_MS = 500.0  # after a veto: a score may rise long before its word is over


@dataclass(frozen=True)
class DetectorConfig:
    """When the detector reports a keyword.

    ``threshold`` (0 to 1) holds for every keyword that ``thresholds`` does not name.
    Times are in ms: ``hop_ms`` between two decisions, ``smoothing_ms`` over which posteriors
    are averaged, ``refractory_ms`` after a detection without another. A keyword above its
    threshold fires once, or again after every ``repeat_ms``: a word said twice in a row may
    leave no dip between, and no single word fills two windows so far apart.
    Where no block of 20 ms reaches ``gate_dbfs`` (RMS in dB of full scale) the network does
    not run: see `kws_edge.detection.energy_gate`.
    Raises `ValidationErrors` with every value out of range.
    """

    threshold: float = setting(
        0.7,
        doc="Smoothed score from which a keyword counts as spotted.",
        minimum=0,
        maximum=1,
        excluded=0,
    )
    smoothing_ms: float = setting(
        300.0, doc="Time over which scores are averaged.", unit="ms", minimum=0, maximum=10_000
    )
    refractory_ms: float = setting(
        750.0,
        doc="Pause after a detection without another.",
        unit="ms",
        minimum=0,
        maximum=3_600_000,
    )
    hop_ms: float = setting(
        100.0, doc="Time between two decisions.", unit="ms", minimum=1, maximum=60_000
    )
    thresholds: dict[str, float] = setting(
        factory=dict,
        doc="A threshold for each keyword named, such as {yes: 0.9}.",
        minimum=0,
        maximum=1,
        excluded=0,
    )
    gate_dbfs: float | Literal["off"] = setting(
        "off",
        doc="Run no network while the room is below this level (RMS of 20 ms); off: always run.",
        unit="dBFS",
        minimum=-200,
        maximum=0,
        excluded=0,
    )
    repeat_ms: float | Literal["off"] = setting(
        "off",
        doc="Report a keyword again when it stays above its threshold for this time; off: once.",
        unit="ms",
        minimum=1,
        maximum=3_600_000,
    )

    rivals: Literal["all", "no_keyword"] = setting(
        "all",
        doc="What the leading keyword's score is weighed against: all other labels, or those alone"
        " that are no keyword, so that two words in one window do not lower each other's score.",
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def describe(self) -> str:
        """The settings in one line, for people."""
        own = "".join(f", {word} {value:g}" for word, value in self.thresholds.items())
        repeat = "" if self.repeat_ms == "off" else f", repeated after {self.repeat_ms:g} ms"
        gate = "no gate" if self.gate_dbfs == "off" else f"gate at {self.gate_dbfs:g} dBFS"
        return (
            f"threshold {self.threshold:g}{own}, smoothing {self.smoothing_ms:g} ms, refractory"
            f" {self.refractory_ms:g} ms{repeat}, a decision every {self.hop_ms:g} ms, {gate}"
            f"{'' if self.rivals == 'all' else ', weighed against no keyword alone'}"
        )

    def threshold_of(self, keyword: str) -> float:
        """The keyword's threshold in ``thresholds``, or else the common ``threshold``."""
        return self.thresholds.get(keyword, self.threshold)


__all__ = ["Detection", "Detector", "DetectorConfig", "FiringRule", "is_keyword"]


@dataclass(frozen=True)
class Detection:
    """A keyword that was spotted: ``sample`` is the end of the window that decided, ``time_s``
    the same in seconds of the stream, ``score`` the smoothed posterior (finite, 0 to 1), and
    ``verifier`` the score of the second stage, where there is one. ``model`` is its name where
    several listen.

    Or a sequence of keywords: ``label`` is its name, ``parts`` the detections of its words,
    ``sample`` that of the last and the scores those of the weakest."""

    label: str
    score: float
    sample: int
    time_s: float
    verifier: float | None = None
    model: str = ""
    parts: tuple["Detection", ...] = ()


def is_keyword(label: str) -> bool:
    """Whether a label is a word to report; ``_unknown_`` and ``_silence_`` are not."""
    return not label.startswith("_")


def unknown_keywords(where: str, words: Sequence[str], labels: Sequence[str]) -> list[str]:
    """A fault of the setting ``where`` for each of ``words`` that is no keyword among the labels
    of a model."""
    known = [label for label in labels if is_keyword(label)]
    return [
        f"{where}: the model has no keyword {word!r}{did_you_mean(word, known)}"
        f" ({', '.join(known)})"
        for word in dict.fromkeys(words)
        if word not in known
    ]


SMALLEST = np.float32(1e-6)  # where a network rounds all posteriors of no keyword to 0


def weighed(posteriors: FloatArray, labels: Sequence[str], config: DetectorConfig) -> FloatArray:
    """What the detector averages, for ``posteriors [n, labels]``: the same, or with ``rivals:
    no_keyword`` the leading keyword's beside those of no keyword.

    A window of 1.5 s may hold two keywords, which share the posterior of 1 between them.
    """
    if config.rivals == "all":
        return posteriors
    keywords = np.array([is_keyword(label) for label in labels])
    if keywords.all() or not keywords.any():
        return posteriors
    scores, rows = posteriors.copy(), np.arange(len(posteriors))
    leading = np.flatnonzero(keywords)[posteriors[:, keywords].argmax(axis=1)]
    mine = posteriors[rows, leading]
    with np.errstate(invalid="ignore", over="ignore"):  # of a network that gives inf
        scores[rows, leading] = mine / (mine + posteriors[:, ~keywords].sum(axis=1) + SMALLEST)
    return scores


class FiringRule:
    """When a keyword that leads with a score at or above its threshold is a detection.

    The only such rule: `Detector` applies it decision by decision, and
    `kws_edge.detection.replay` to the decisions of a whole stream.
    """

    def __init__(self, labels: Sequence[str], config: DetectorConfig, sample_rate: int) -> None:
        self._labels, self._config = tuple(labels), config
        self._refractory = samples(config.refractory_ms, sample_rate)
        self._retry = samples(RETRY_MS, sample_rate)
        repeat = config.repeat_ms
        # by default never, so that a noise that stays is one detection
        self._repeat = math.inf if repeat == "off" else samples(repeat, sample_rate)
        self.set_active_keywords(labels)
        self.reset()

    def set_active_keywords(self, keywords: Collection[str]) -> None:
        """Let these keywords alone fire; ``thresholds [labels]`` are infinite elsewhere."""
        self.thresholds = np.array(
            [
                self._config.threshold_of(label)
                if is_keyword(label) and label in keywords
                else np.inf
                for label in self._labels
            ]
        )

    def reset(self) -> None:
        """Forget everything, as after a gap in the audio."""
        self.held: int | None = None  # the label detected last, while it stays above its threshold
        self.refractory_until = 0  # sample
        self._fired = 0  # sample of the last detection
        self._began = 0  # sample of the first in a row of vetoed ones, or of the last
        self._retry_until = 0  # sample, up to which the held label may fire again

    def release(self) -> None:
        """The held label fell below its threshold, or there is silence."""
        self.held = None
        self._retry_until = 0

    def veto(self) -> None:
        """The last detection does not count: another may follow at once, one of the same word
        for `RETRY_MS` (it may not have been over), then after a dip."""
        self.refractory_until = 0
        self._retry_until = self._began + self._retry

    def fires(self, sample: int, label: int) -> bool:
        """Whether ``label``, which leads at ``sample`` and has reached its threshold, fires."""
        if sample < self.refractory_until:
            return False
        retried = label == self.held and sample < self._retry_until
        if label == self.held and not retried and sample - self._fired < self._repeat:
            return False
        self.held, self._fired, self._retry_until = label, sample, 0
        self._began = self._began if retried else sample
        self.refractory_until = sample + self._refractory
        return True


class Detector:
    """Push posteriors in order of time; each push returns a `Detection` or None.

    With ``near_miss`` above 0 (and below 1) it also collects scores that came to that share of
    a threshold and no further, for `take_near_misses`.
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
        self._span = samples(config.smoothing_ms, sample_rate)
        self._hop = samples(config.hop_ms, sample_rate)
        self._rule = FiringRule(labels, config, sample_rate)
        self._near_misses: list[NearMiss] = []
        self._tracker = (
            NearMissTracker(
                self._labels,
                self._rule.thresholds.tolist(),
                near_miss,
                samples(config.refractory_ms, sample_rate),
                sample_rate,
            )
            if near_miss
            else None
        )
        self.reset()

    def set_active_keywords(self, keywords: Collection[str]) -> None:
        """Report these keywords alone: others neither count nor start a refractory time."""
        self._rule.set_active_keywords(keywords)
        if self._tracker:
            self._tracker.set_thresholds(self._rule.thresholds.tolist())

    def reset(self) -> None:
        """Forget everything, as after a gap in the audio."""
        if self._tracker:
            self._tracker.reset()
        self.scores: FloatArray | None = None  # smoothed [labels], of the last push
        self._recent: deque[tuple[int, FloatArray]] = deque()
        self._first: int | None = None
        self._rule.reset()

    def push(self, sample: int, posteriors: FloatArray) -> Detection | None:
        """Take the ``posteriors [labels]`` of the window that ends at ``sample``."""
        self.backfill(sample, posteriors)
        self.scores = smoothed = self._smoothed(sample)
        if smoothed is None:
            return None
        detection = self._decide(sample, smoothed)
        if self._tracker:
            spotted = sample < self._rule.refractory_until or detection is not None
            self._near_misses += self._tracker.push(sample, smoothed, spotted)
        return detection

    def veto(self) -> None:
        """The detection that the last push returned does not count; see `FiringRule.veto`."""
        self._rule.veto()

    def idle(self, sample: int) -> None:
        """Silence at ``sample``, without posteriors: the held keyword is released."""
        self._first = sample if self._first is None else self._first
        self._rule.release()
        if self._tracker:
            nothing = np.zeros(len(self._labels), np.float32)
            spotted = sample < self._rule.refractory_until
            self._near_misses += self._tracker.push(sample, nothing, spotted)

    def backfill(self, sample: int, posteriors: FloatArray) -> None:
        """Add the ``posteriors [labels]`` of an idle decision to the mean of those that follow,
        without a decision of its own."""
        self._first = sample if self._first is None else self._first
        scores = weighed(posteriors[None], self._labels, self.config)[0]
        self._recent.append((sample, scores))

    def take_near_misses(self) -> list[NearMiss]:
        """The near misses since the last call, each reported when it was over."""
        taken, self._near_misses = self._near_misses, []
        return taken

    def _decide(self, sample: int, smoothed: FloatArray) -> Detection | None:
        rule = self._rule
        # "not at least" rather than "below": NaN is neither
        if rule.held is not None and not smoothed[rule.held] >= rule.thresholds[rule.held]:
            rule.release()
        best = int(np.argmax(smoothed))
        score = float(smoothed[best])
        if not rule.thresholds[best] <= score < math.inf or not rule.fires(sample, best):
            return None
        return detection_of(self._labels[best], score, sample, self._rate)

    def _smoothed(self, sample: int) -> FloatArray | None:
        """Mean over the last ``smoothing_ms``; None until the stream is that long."""
        while self._recent[0][0] <= sample - self._span and len(self._recent) > 1:
            self._recent.popleft()
        if self._first is None or sample - self._first + self._hop < self._span:
            return None
        total = np.zeros(len(self._labels), np.float32)
        for _, one in self._recent:
            total += one
        return total / np.float32(len(self._recent))  # np.mean takes four times as long


def samples(milliseconds: float, sample_rate: int) -> int:
    """A time in samples, rounded."""
    return round(milliseconds * sample_rate / 1000)


def detection_of(label: str, score: float, sample: int, sample_rate: int) -> Detection:
    """A detection; rounding may have put its score just above 1."""
    return Detection(label, min(score, 1.0), sample, sample / sample_rate)
