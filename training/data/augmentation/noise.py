"""Levels, and sounds that are no speech: recorded backgrounds and noises made by formula."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kws_edge.audio.files import PCM16_SCALE, from_pcm16, to_pcm16
from kws_edge.audio.speech_level import measure_speech
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.fft import irfft, rfft

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


def crop(recording: FloatArray, samples: int, random: np.random.Generator) -> FloatArray:
    """A random stretch of ``recording``, repeated where that is shorter than ``samples``."""
    if len(recording) < samples:
        recording = np.resize(recording, samples)
    start = int(random.integers(len(recording) - samples + 1))
    return recording[start : start + samples]


def at_level(samples: FloatArray, level_dbfs: float) -> FloatArray:
    """``samples`` with the RMS of ``level_dbfs``; silence stays silence."""
    rms = float(np.sqrt(np.mean(samples**2, dtype=np.float64)))
    return gain(samples, level_dbfs - 20 * np.log10(rms)) if rms > 0 else samples


def add_noise(
    speech: FloatArray, level_dbfs: float, noise: FloatArray, snr_db: float
) -> FloatArray:
    """``speech [n]``, whose active level is ``level_dbfs``, in ``noise [n]`` ``snr_db`` below."""
    return speech + at_level(noise, level_dbfs - snr_db)


def coloured(samples: int, random: np.random.Generator) -> FloatArray:
    """Noise whose spectrum falls by 0 to 12 dB an octave (white to steeper than brown), peak 1."""
    spectrum = rfft(random.standard_normal(samples, np.float32))
    order = np.maximum(np.arange(len(spectrum), dtype=np.float32), 1)
    slope = np.float32(random.uniform(0, 2))  # of the amplitude: 1 is 6 dB an octave
    return _peak_1(irfft(spectrum * order**-slope, samples))


def hum(samples: int, random: np.random.Generator) -> FloatArray:
    """Mains hum: 50 or 60 Hz and eleven harmonics, each of random strength and phase, peak 1."""
    time = np.arange(samples) / RATE
    mains = random.choice([50.0, 60.0])
    orders = np.arange(1, 13)[:, None]
    strengths = random.exponential(size=orders.shape) / orders
    phases = random.uniform(0, 2 * np.pi, orders.shape)
    return _peak_1((strengths * np.sin(2 * np.pi * mains * orders * time + phases)).sum(axis=0))


def clicks(samples: int, random: np.random.Generator) -> FloatArray:
    """One to six knocks: damped resonances of 200 Hz to 6 kHz that last 1 to 40 ms, peak 1."""
    result = np.zeros(samples)
    time = np.arange(samples) / RATE
    for _ in range(int(random.integers(1, 7))):
        start = int(random.integers(samples))
        decay, frequency = np.exp(random.uniform(np.log((1e-3, 200)), np.log((40e-3, 6000))))
        knock = np.exp(-time / decay) * np.sin(2 * np.pi * frequency * time)
        result[start:] += random.uniform(0.1, 1) * knock[: samples - start]
    return _peak_1(result)


def any_noise(
    samples: int, recordings: Sequence[FloatArray], random: np.random.Generator
) -> FloatArray:
    """``[samples]`` of a background: in three of four cases a recorded one, where there are any,
    at times two of them together."""
    if not recordings or random.random() < 0.25:
        return coloured(samples, random)
    first = crop(recordings[random.integers(len(recordings))], samples, random)
    if random.random() < 0.25:
        second = crop(recordings[random.integers(len(recordings))], samples, random)
        return at_level(first, -20) + at_level(second, random.uniform(-35, -20))
    return first


def _peak_1(samples: np.ndarray[tuple[int, ...], np.dtype[np.floating[Any]]]) -> FloatArray:
    return (samples / max(float(np.abs(samples).max()), 1e-9)).astype(np.float32)
