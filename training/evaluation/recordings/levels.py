"""Levels of short frames of a clip, and which of them hold the word."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray

RATE = 16000  # Hz: whatever a clip was recorded at, it is measured at this rate
FRAME_MS, STEP_MS = 20, 10
FLOOR_DBFS = -96.0  # nothing is quieter: about the smallest step of 16-bit samples
NOISE_PERCENTILE, PEAK_PERCENTILE = 10, 95
ACTIVE_RANGE_DB = 20.0  # speech is at most so far below its loud frames
LONGEST_GAP = 15  # steps: the silence before a plosive belongs to the word

Levels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Activity:
    """Frame levels of a clip in dBFS, ``levels [frames]``, and what was found in them.

    ``noise`` and ``peak`` are their 10th and 95th percentile, ``threshold`` the level from
    which a frame is speech, ``first`` and ``last`` the frames at the ends of the word.
    """

    levels: Levels
    noise: float
    peak: float
    threshold: float
    first: int
    last: int

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """``[frames]``: those within the word that are speech."""
        inside = np.zeros(len(self.levels), bool)
        inside[self.first : self.last + 1] = True
        return inside & (self.levels >= self.threshold)

    @property
    def power(self) -> float:
        """Mean square of the active speech; full scale is a square wave at 1."""
        return float(np.mean(10 ** (self.levels[self.active] / 10)))

    def span(self, samples: int) -> tuple[int, int]:
        """First sample of the word and the one after its last, in a clip of so many at `RATE`."""
        step, frame = RATE * STEP_MS // 1000, RATE * FRAME_MS // 1000
        return self.first * step, min(samples, self.last * step + frame)


def find_activity(samples: FloatArray) -> Activity:
    """Where the word lies in ``samples [n]`` (float32 at `RATE`, n > 0).

    A frame is speech from half way (in dB) between noise and peak, and from 20 dB below the
    peak where the noise is far below (ITU-T P.56 has 15.9 dB below the active level). Of
    several stretches of speech with more than 150 ms between them, the word is that with the
    most energy.
    """
    levels = frame_levels(samples)
    noise, peak = np.percentile(levels, [NOISE_PERCENTILE, PEAK_PERCENTILE])
    threshold = max((noise + peak) / 2, peak - ACTIVE_RANGE_DB)
    speech = np.flatnonzero(levels >= threshold)
    pieces = np.split(speech, np.flatnonzero(np.diff(speech) > LONGEST_GAP) + 1)
    word = max(pieces, key=lambda piece: float(np.sum(10 ** (levels[piece] / 10))))
    return Activity(levels, float(noise), float(peak), threshold, int(word[0]), int(word[-1]))


def frame_levels(samples: FloatArray) -> Levels:
    """RMS level in dBFS of frames of 20 ms every 10 ms, ``[frames]``, at least one.

    The mean of a frame is taken out first: a DC offset is not sound.
    """
    frames = cut_frames(samples)
    return to_db(np.var(frames, axis=1, dtype=np.float64))


def cut_frames(samples: FloatArray) -> FloatArray:
    """``[frames, samples]``: a view; a clip shorter than a frame is zero-padded to one."""
    length, step = RATE * FRAME_MS // 1000, RATE * STEP_MS // 1000
    if len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(samples, length)[::step]


def to_db(power: npt.ArrayLike) -> Levels:
    """Mean square to dBFS, no less than `FLOOR_DBFS`; full scale is a square wave at 1."""
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DBFS / 10)))
