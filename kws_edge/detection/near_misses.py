"""Near misses: scores that rose near a threshold and fell again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kws_edge.types import FloatArray


@dataclass(frozen=True)
class NearMiss:
    """A smoothed posterior that rose near its threshold and fell again: ``score`` (0 to 1) is
    its peak, ``sample`` the end of the window where it peaked, ``time_s`` the same in seconds
    of the stream. Or a detection that the second stage vetoed, with its score ``verifier``.
    ``model`` is its name where several listen."""

    label: str
    score: float
    sample: int
    time_s: float
    verifier: float | None = None
    model: str = ""


@dataclass
class _Rise:
    """A label's score at or above its floor: the peak so far, and whether it may still become
    a near miss."""

    began: int
    score: float
    sample: int
    open: bool


class NearMissTracker:
    """Follows the smoothed posteriors of a `Detector`.

    A near miss begins when a label's score reaches ``ratio`` (0 to 1) of its threshold. It is
    reported when the score falls below that, or after ``longest`` samples; a noise that stays
    is reported once. It is none if the threshold was reached or any word detected meanwhile.
    """

    def __init__(
        self,
        labels: Sequence[str],
        thresholds: Sequence[float],
        ratio: float,
        longest: int,
        sample_rate: int,
    ) -> None:
        self._labels = labels
        self._thresholds = thresholds  # infinite where a label is no keyword
        self._ratio = ratio
        self._longest = longest
        self._rate = sample_rate
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a gap in the audio."""
        self._rises: dict[int, _Rise] = {}

    def set_thresholds(self, thresholds: Sequence[float]) -> None:
        """Follow the labels whose thresholds are finite from now on, and forget the others."""
        self._thresholds = thresholds
        self._rises = {n: rise for n, rise in self._rises.items() if thresholds[n] < math.inf}

    def push(self, sample: int, smoothed: FloatArray, spotted: bool) -> list[NearMiss]:
        """Take the scores ``[labels]``; ``spotted``: a word was detected, or the pause after
        one is not over."""
        found = []
        scores = zip(self._labels, self._thresholds, smoothed.tolist(), strict=True)
        for index, (label, threshold, score) in enumerate(scores):
            if not threshold * self._ratio <= score < math.inf:  # nor nan
                rise, over = self._rises.pop(index, None), True
            else:
                rise = self._rises.setdefault(index, _Rise(sample, 0.0, sample, open=True))
                over = sample - rise.began >= self._longest
                rise.open = rise.open and not spotted and score < threshold
                if score > rise.score:
                    rise.score, rise.sample = score, sample
            if rise and over and rise.open:
                rise.open = False
                found.append(NearMiss(label, rise.score, rise.sample, rise.sample / self._rate))
        return found
