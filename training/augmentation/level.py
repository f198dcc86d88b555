"""Levels: how loud speech is, other gains, and what a 16-bit microphone makes of it."""

import numpy as np

from kws_edge.audio import PCM16_SCALE
from kws_edge.tables import FloatArray
from training.field_test.levels import FLOOR_DBFS, find_activity

LOUDEST = np.float32(1 - 1 / PCM16_SCALE)


def speech_level(samples: FloatArray) -> float:
    """RMS level of the active speech in ``samples [n]``, dBFS; at least -96."""
    activity = find_activity(samples)
    power = float(np.mean(10 ** (activity.levels[activity.active] / 10)))
    return 10 * float(np.log10(max(power, 10 ** (FLOOR_DBFS / 10))))


def gain(samples: FloatArray, decibel: float) -> FloatArray:
    """``samples`` louder (above 0) or softer by so many dB; not limited."""
    return samples * np.float32(10 ** (decibel / 20))


def random_gain(
    samples: FloatArray, random: np.random.Generator, range_db: tuple[float, float]
) -> FloatArray:
    """``samples`` with a gain drawn evenly from ``range_db``."""
    return gain(samples, random.uniform(*range_db))


def clip_at(samples: FloatArray, share: float) -> FloatArray:
    """``samples`` cut off at ``share`` (0 to 1) of their own peak, as an overdriven input does."""
    limit = np.float32(share) * np.abs(samples).max(initial=0)
    return np.clip(samples, -limit, limit)


def to_steps(samples: FloatArray) -> FloatArray:
    """``samples`` as 16 bits hold them: limited to full scale, rounded to a step of 1 / 32768."""
    steps = np.rint(np.clip(samples, -1, LOUDEST) * np.float32(PCM16_SCALE))
    return (steps / np.float32(PCM16_SCALE)).astype(np.float32)
