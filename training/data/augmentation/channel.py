"""Speed, narrow bands and codecs: how a voice or a line changes speech."""

import io

import numpy as np
import soundfile

from kws_edge.audio.resampling import resample
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.fft import irfft, rfft
from training.data.augmentation.noise import LOUDEST


def change_speed(samples: FloatArray, factor: float) -> FloatArray:
    """``samples [n]`` played ``factor`` times as fast, ``[n / factor]``; pitch and formants move
    along, as from one speaker to a smaller one (Ko et al. 2015, "Audio augmentation for speech
    recognition").

    By linear interpolation, whose dullness above 4 kHz (1 to 3 dB) is less than one microphone
    differs from another.
    """
    positions = np.arange(0, len(samples) - 1, factor)
    before = positions.astype(np.intp)
    share = (positions - before).astype(np.float32)
    return samples[before] + (samples[before + 1] - samples[before]) * share


# Container and encoding, by the name of the codec, as libsndfile has them.
CODECS = {
    "mu-law": ("WAV", "ULAW"),
    "adpcm": ("WAV", "IMA_ADPCM"),
    "gsm": ("WAV", "GSM610"),
    "vorbis": ("OGG", "VORBIS"),
}
TELEPHONE = 8000  # Hz


def tilt(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Another microphone: a response that is a smooth random curve within about 6 dB."""
    spectrum = rfft(samples)
    knots = random.normal(scale=3.0, size=8)  # dB, evenly spaced in frequency
    curve = np.interp(np.linspace(0, 7, len(spectrum)), np.arange(8), knots).astype(np.float32)
    tilted: FloatArray = irfft(spectrum * np.float32(10) ** (curve / 20), len(samples))
    return tilted


def narrow(samples: FloatArray, random: np.random.Generator) -> FloatArray:
    """Nothing above a limit between 3 and 7 kHz."""
    rate = round(random.uniform(6000, 14000))
    return _fitted(resample(resample(samples, RATE, rate), rate, RATE), len(samples))


def codec(samples: FloatArray, name: str) -> FloatArray:
    """``samples`` coded and decoded by one of `CODECS`; all but Vorbis at 8 kHz, as telephones."""
    container, encoding = CODECS[name]
    rate = RATE if name == "vorbis" else TELEPHONE
    sent = samples if rate == RATE else resample(samples, RATE, rate)
    file = io.BytesIO()
    soundfile.write(file, np.clip(sent, -1, LOUDEST), rate, encoding, format=container)
    file.seek(0)
    received = soundfile.read(file, dtype="float32")[0]
    if rate != RATE:
        received = resample(received, rate, RATE)
    return _fitted(received, len(samples))


def _fitted(samples: FloatArray, length: int) -> FloatArray:
    """Cut or zero-padded at the end."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))
