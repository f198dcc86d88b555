"""The detector over the decisions of a whole stream, as arrays.

`smooth` computes what `Detector` averages, for all decisions at once; `replay` finds where a
threshold is reached and lets the detector's own `FiringRule` decide there. One setting takes
about a thousandth of the detector's time, so that a tuner can try thousands. A property test
holds the result equal to `Detector`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.detection.detector import (
    Detection,
    DetectorConfig,
    FiringRule,
    detection_of,
    weighed,
)
from kws_edge.detection.detector import samples as in_samples
from kws_edge.types import FloatArray


@dataclass(frozen=True)
class Smoothed:
    """Mean posteriors ``scores [n, labels]`` at the decisions ``samples [n]``; ``best [n]`` is
    the label with the highest, ``highest [n]`` its score."""

    samples: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    best: npt.NDArray[np.int64]
    highest: npt.NDArray[np.float64]


def smooth(
    samples: npt.NDArray[np.int64],
    posteriors: FloatArray,
    labels: Sequence[str],
    config: DetectorConfig,
    sample_rate: int,
) -> Smoothed:
    """``posteriors [n, labels]`` averaged over the last ``smoothing_ms`` of each decision.

    Summed in the order and precision of the detector, so that no bit differs.
    """
    span, hop = (in_samples(ms, sample_rate) for ms in (config.smoothing_ms, config.hop_ms))
    posteriors = weighed(posteriors, labels, config)
    numbers = np.arange(len(samples))
    oldest = np.minimum(np.searchsorted(samples, samples - span, side="right"), numbers)
    counts = numbers - oldest + 1  # decisions within the span, at least this one
    total = np.zeros_like(posteriors)
    for age in range(int(counts.max(initial=0)) - 1, -1, -1):
        rows = np.flatnonzero(counts > age)
        total[rows] += posteriors[rows - age]
    means = total / counts.astype(np.float32)[:, None]
    complete = samples - samples[:1] + hop >= span  # before, the detector waits
    scores = means[complete].astype(np.float64)  # as the detector compares them
    best = scores.argmax(axis=1)
    return Smoothed(samples[complete], scores, best, scores[np.arange(len(scores)), best])


def replay(
    smoothed: Smoothed, labels: Sequence[str], config: DetectorConfig, sample_rate: int
) -> list[Detection]:
    """The detections of `Detector` with ``config``, whose smoothing ``smoothed`` has."""
    rule = FiringRule(labels, config, sample_rate)
    thresholds = rule.thresholds  # [labels], infinite where a label is no keyword
    reached = (smoothed.highest >= thresholds[smoothed.best]) & np.isfinite(smoothed.highest)
    rows = np.flatnonzero(reached)
    candidates = zip(
        rows.tolist(), smoothed.samples[rows].tolist(), smoothed.best[rows].tolist(), strict=True
    )
    found = []
    since = 0  # the row up to which the held label is known to be above its threshold
    for row, sample, label in candidates:
        if sample < rule.refractory_until:
            continue  # `fires` would refuse
        if label == rule.held:  # only then does a release since its detection matter
            if not (smoothed.scores[since:row, label] >= thresholds[label]).all():  # nor nan
                rule.release()
            since = row
        if rule.fires(sample, label):
            since = row
            score = float(smoothed.highest[row])
            found.append(detection_of(labels[label], score, sample, sample_rate))
    return found
