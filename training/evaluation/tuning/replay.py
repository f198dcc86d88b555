"""The detector over decisions that are known beforehand: what `Detector` does, in arrays.

A test holds the two against each other. One setting takes a thousandth of the time here, so
that thousands can be tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.detection.detector import Detection
from kws_edge.types import FloatArray

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Smoothed:
    """Mean posteriors ``scores [n, labels]`` at the decisions ``samples [n]``; ``best [n]`` is
    the label with the highest, ``highest [n]`` its score."""

    samples: Ints
    scores: Floats
    best: Ints
    highest: Floats


def smooth(
    samples: Ints, posteriors: FloatArray, smoothing_ms: float, hop_ms: float, sample_rate: int
) -> Smoothed:
    """``posteriors [n, labels]`` over the last ``smoothing_ms`` of each decision.

    Summed in the order and precision of the detector, so that no bit differs.
    """
    span, hop = (round(ms * sample_rate / 1000) for ms in (smoothing_ms, hop_ms))
    numbers = np.arange(len(samples))
    oldest = np.minimum(np.searchsorted(samples, samples - span, side="right"), numbers)
    counts = numbers - oldest + 1  # decisions within the span, at least this one
    total = np.zeros_like(posteriors)
    for age in range(int(counts.max(initial=0)) - 1, -1, -1):
        rows = np.flatnonzero(counts > age)
        total[rows] += posteriors[rows - age]
    means = total / counts.astype(np.float32)[:, None]
    heard = samples - samples[:1] + hop >= span  # before, the detector waits
    scores = means[heard].astype(np.float64)  # as the detector compares them
    best = scores.argmax(axis=1)
    return Smoothed(samples[heard], scores, best, scores[np.arange(len(scores)), best])


def replay(smoothed: Smoothed, thresholds: Floats, refractory: int, repeat: float = np.inf) -> Ints:
    """The decisions (rows of ``smoothed``) at which a keyword is detected.

    ``thresholds [labels]``, infinite where a label is no keyword; ``refractory`` and ``repeat``
    in samples, the latter infinite where nothing is told again.
    """
    candidates = np.flatnonzero(smoothed.highest >= thresholds[smoothed.best])
    places = smoothed.samples[candidates].tolist()
    labels = smoothed.best[candidates].tolist()
    fired: list[int] = []
    held, since, quiet_until = -1, 0, 0  # the label that fired, and has not let go since a row
    told = 0
    for row, sample, label in zip(candidates.tolist(), places, labels, strict=True):
        if sample < quiet_until:
            continue
        if label == held and not (smoothed.scores[since:row, held] < thresholds[held]).any():
            since = row
            if sample - told < repeat:
                continue
        fired.append(row)
        held, since, told, quiet_until = label, row, sample, sample + refractory
    return np.array(fired, np.int64)


def detections(
    smoothed: Smoothed, rows: Ints, labels: Sequence[str], sample_rate: int
) -> list[Detection]:
    """What the detector reports at these rows."""
    found = zip(smoothed.best[rows], smoothed.highest[rows], smoothed.samples[rows], strict=True)
    return [
        Detection(labels[best], float(score), int(sample), int(sample) / sample_rate)
        for best, score, sample in found
    ]
