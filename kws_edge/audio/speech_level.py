"""Where in a take the word is, and the second around it.

By energy, and by ratios alone: to the quiet of the same take and to its loudest moment. The
same take at another gain is cut at the same samples, with no voice detector that would have
to know the speaker.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray

FRAME_SECONDS = 0.020
STEP_SECONDS = 0.010
RUMBLE_HERTZ = (50.0, 110.0)  # offset, hum and handling below; no word needs it
QUIET_PERCENTILE = 15  # of the frames; even a word of 1 s leaves more than that around it

# A sound has frames this much above the noise, and no further than this below the loudest ...
CORE_OVER_NOISE_DB, CORE_UNDER_PEAK_DB = 12.0, 30.0
# ... and goes on as long as the frames are above these, so that an "s" or "f" stays whole
ENDS_OVER_NOISE_DB, ENDS_UNDER_PEAK_DB = 6.0, 42.0
GAP_SECONDS = 0.20  # the closure within "right" or "stop" is part of the word
LEAST_CORE_SECONDS = 0.05  # a click is shorter than any word
LEAST_POWER = (0.5 / 32768) ** 2  # half a step of int16: nothing is there


@dataclass(frozen=True)
class Sound:
    """A stretch above the noise: samples ``start`` to before ``end``, and its ``energy``."""

    start: int
    end: int
    energy: float

    def overlaps(self, start: int, end: int) -> bool:
        return self.start < end and self.end > start


@dataclass(frozen=True)
class Layout:
    """The ``sounds`` of a take in order, and the power of the ``noise`` between them.

    ``word``: the sound with most energy; None where there is only noise.
    """

    sounds: tuple[Sound, ...]
    noise: float

    @property
    def word(self) -> Sound | None:
        return max(self.sounds, key=lambda sound: sound.energy, default=None)


def find_sounds(samples: FloatArray, sample_rate: int) -> Layout:
    """Noise and sounds of ``samples [n]``, float32 in [-1, 1); n of 0.1 s at least."""
    power = _frame_powers(without_rumble(samples, sample_rate), sample_rate)  # [frames]
    noise, peak = float(np.percentile(power, QUIET_PERCENTILE)), float(power.max())
    if peak < LEAST_POWER:
        return Layout((), noise)
    core = power > max(noise * _ratio(CORE_OVER_NOISE_DB), peak / _ratio(CORE_UNDER_PEAK_DB))
    whole = power > max(noise * _ratio(ENDS_OVER_NOISE_DB), peak / _ratio(ENDS_UNDER_PEAK_DB))
    step, frame = round(STEP_SECONDS * sample_rate), round(FRAME_SECONDS * sample_rate)
    sounds = tuple(
        Sound(first * step, (last - 1) * step + frame, float(power[first:last].sum()) * step)
        for first, last in _joined(_runs(whole), round(GAP_SECONDS / STEP_SECONDS))
        if core[first:last].sum() * STEP_SECONDS >= LEAST_CORE_SECONDS
    )
    return Layout(sounds, noise)


def centred(samples: FloatArray, word: Sound, length: int) -> tuple[FloatArray, int]:
    """``length`` samples with the middle of ``word`` in their middle, and where they start.

    Where the take does not reach so far (the start is then negative), its own quietest
    stretch fills up: zeros would tell a network which clips these are.
    """
    start = (word.start + word.end - length) // 2
    before, after = max(0, -start), max(0, start + length - len(samples))
    inside = samples[max(0, start) : start + length]
    parts = [quietest(samples, before), inside, quietest(samples, after)]
    return np.concatenate(parts), start


def quietest(samples: FloatArray, length: int) -> FloatArray:
    """The ``length`` samples in a row with the least energy; repeated where n is less."""
    if length >= len(samples):
        return np.resize(samples, length)
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmin(energy[length:] - energy[: len(energy) - length]))
    return samples[start : start + length]


def without_rumble(samples: FloatArray, sample_rate: int) -> npt.NDArray[np.float64]:
    """``samples [n]`` without offset and hum: a high-pass in the frequency domain."""
    low, high = RUMBLE_HERTZ
    hertz = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    ramp = np.clip((hertz - low) / (high - low), 0, 1)
    gain = 0.5 - 0.5 * np.cos(math.pi * ramp)  # smooth, so that an onset does not ring
    return np.fft.irfft(np.fft.rfft(np.asarray(samples, np.float64)) * gain, len(samples))


def _frame_powers(samples: npt.NDArray[np.float64], sample_rate: int) -> npt.NDArray[np.float64]:
    """Mean square of each whole frame: ``[1 + (n - frame) // step]``."""
    frame, step = round(FRAME_SECONDS * sample_rate), round(STEP_SECONDS * sample_rate)
    frames = np.lib.stride_tricks.sliding_window_view(samples, frame)[::step]
    return np.mean(np.square(frames), axis=1)


def _runs(active: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past the last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _joined(runs: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and first - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _ratio(db: float) -> float:
    return 10 ** (db / 10)
