"""What recordings suffer from, done to clips by formula: float32 mono, level in [-1, 1)."""

import numpy as np

from kws_edge.audio.resampling import resample
from kws_edge.audio.speech_level import STEP_SECONDS, measure_speech
from kws_edge.types import FloatArray
from training.data.augmentation.noise import LOUDEST, add_noise, gain, speech_level


def quieter(clip: FloatArray, gain_db: float) -> FloatArray:
    """``clip`` with another gain (below 0 dB: quieter)."""
    return gain(clip, gain_db)


def clipped(clip: FloatArray, gain_db: float) -> FloatArray:
    """``clip`` amplified until it is cut off at full scale."""
    return np.clip(quieter(clip, gain_db), -1, LOUDEST)


def noisy(clip: FloatArray, noise: FloatArray, snr_db: float, seed: int) -> FloatArray:
    """``clip`` in a random stretch of ``noise``, ``snr_db`` below the clip's active speech;
    the sum is turned down where it would clip."""
    start = np.random.default_rng(seed).integers(len(noise) - len(clip) + 1)
    stretch = noise[start : start + len(clip)]
    mixed = add_noise(clip, speech_level(clip), stretch, snr_db)
    return mixed / np.maximum(1, 1.02 * np.abs(mixed).max())


def distant(clip: FloatArray, decay_s: float, direct_db: float, seed: int) -> FloatArray:
    """``clip`` in a room: convolved with an impulse and noise that decays 60 dB in ``decay_s``.

    ``direct_db`` is the energy of the impulse over that of the noise (Polack's statistical
    model of late reverberation); the result is as loud as the clip.
    """
    samples = round(1.2 * decay_s * 16000)
    time = np.arange(samples) / 16000
    room = np.random.default_rng(seed).normal(size=samples) * 10 ** (-3 * time / decay_s)
    room[:32] = 0  # 2 ms between the direct sound and the first reflections
    room *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(room**2))
    room[0] = 1
    length = 1 << (len(clip) + samples - 1).bit_length()  # or the transform is slow
    wet = np.fft.irfft(np.fft.rfft(clip, length) * np.fft.rfft(room, length), length)[: len(clip)]
    return (wet * np.sqrt(np.sum(clip**2) / max(np.sum(wet**2), 1e-10))).astype(np.float32)


def narrow(clip: FloatArray) -> FloatArray:
    """``clip`` as a telephone at 8 kHz has it, back at 16 kHz."""
    return resample(resample(clip, 16000, 8000), 8000, 16000)


def cut(clip: FloatArray) -> FloatArray:
    """``clip`` begun in the middle of its active speech; its end padded with its last 50 ms,
    reversed and repeated, so that it is as long as before.

    The middle of the word's bounds would not do: a closure and a final burst ("up") follow the
    vowel, and a clip that holds them alone is quiet and noisy too.
    """
    active = np.flatnonzero(measure_speech(clip, 16000).active)
    start = round(float(np.median(active)) * STEP_SECONDS * 16000)
    rest = clip[start:]
    return np.concatenate([rest, np.resize(np.concatenate([rest[:-801:-1], rest[-800:]]), start)])


def offset(clip: FloatArray, share: float) -> FloatArray:
    """``clip`` with a mean of ``share`` of full scale."""
    return np.clip(clip + np.float32(share), -1, LOUDEST)
