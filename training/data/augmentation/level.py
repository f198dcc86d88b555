"""Levels: how loud speech is, other gains, and what a 16-bit microphone makes of it."""

import numpy as np

from kws_edge.audio.files import PCM16_SCALE, from_pcm16, to_pcm16
from kws_edge.audio.speech_level import measure_speech
from kws_edge.types import FloatArray
from training.data.augmentation import RATE

LOUDEST = np.float32(1 - 1 / PCM16_SCALE)


def speech_level(samples: FloatArray) -> float:
    """RMS level of the active speech in ``samples [n]`` (at `RATE`), dBFS; at least -101.1."""
    return measure_speech(samples, RATE).level_dbfs


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
    return from_pcm16(to_pcm16(samples))
