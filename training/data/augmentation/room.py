"""Rooms: impulse responses by the image method, or recorded ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kws_edge.audio.files import AUDIO_SUFFIXES, audio_files, read_audio
from kws_edge.errors import DataError
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.fft import irfft, rfft

SPEED_OF_SOUND = 343.0  # m/s
LONGEST = 0.5  # s of an impulse response


def random_room(random: np.random.Generator) -> FloatArray:
    """The impulse response ``[n]`` of a random room of 2.5 to 8 m, from mouth to microphone.

    Image method of Allen and Berkley 1979: every wall a mirror, one absorption for all that
    gives a reverberation time of 0.1 to 0.6 s by Sabine's formula. It starts with the direct
    sound, whose size is 1.
    """
    size = random.uniform((2.5, 2.5, 2.2), (8.0, 6.0, 3.5))
    mouth, microphone = (random.uniform(0.3, size - 0.3) for _ in range(2))
    reverberation = random.uniform(0.1, 0.6)  # s
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    absorbed = min(0.95, 0.161 * size.prod() / (surface * reverberation))
    return image_method(size, mouth, microphone, float(np.sqrt(1 - absorbed)))


def image_method(
    size: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    mouth: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    microphone: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    reflection: float,
) -> FloatArray:
    """Impulse response of a room of ``size [3]`` m, ``reflection`` (0 to 1) being what a wall
    leaves of a sound's pressure."""
    reach = SPEED_OF_SOUND * LONGEST
    # Images stand at 2 n size + p with p = mouth or -mouth along each axis.
    axes = []
    for length, source, receiver in zip(size, mouth, microphone, strict=True):
        n = np.arange(-int(reach / (2 * length)) - 1, int(reach / (2 * length)) + 2)
        places = np.concatenate([2 * n * length + source, 2 * n * length - source]) - receiver
        bounces = np.concatenate([np.abs(2 * n), np.abs(2 * n - 1)])
        near = bounces <= 24  # further ones are below -60 dB for all but the hardest walls
        axes.append((places[near], bounces[near]))
    (x, bx), (y, by), (z, bz) = axes
    distance = np.sqrt(x[:, None, None] ** 2 + y[:, None] ** 2 + z**2).ravel()
    bounces = (bx[:, None, None] + by[:, None] + bz).ravel()
    first = distance.min()
    delay = np.rint((distance - first) * RATE / SPEED_OF_SOUND).astype(np.int64)
    within = delay < LONGEST * RATE
    pressure = reflection ** bounces[within] * first / distance[within]
    response = np.zeros(int(LONGEST * RATE))
    np.add.at(response, delay[within], pressure)
    return _without_rumble(response)


def _without_rumble(response: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> FloatArray:
    """Pulses that are all positive add up to a swell at low frequencies that no room has; Allen
    and Berkley take it out by a high-pass filter, here of 12 dB an octave below 80 Hz."""
    length = len(response)
    pole = np.exp(-2 * np.pi * 80 / RATE)
    high_pass = np.concatenate([[1.0], (pole - 1) * pole ** np.arange(length - 1)])
    spectrum = np.fft.rfft(response, 4 * length) * np.fft.rfft(high_pass, 4 * length) ** 2
    return np.fft.irfft(spectrum, 4 * length)[:length].astype(np.float32)


def load_rooms(folder: Path) -> list[FloatArray]:
    """The recorded impulse responses in ``folder``, each from its largest sample on, size 1.

    Raises `MissingFileError`, and `DataError` where there is none, or one that is silent.
    """
    paths = audio_files(folder)
    if not paths:
        raise DataError(f"{folder}: no impulse responses ({', '.join(AUDIO_SUFFIXES)})")
    return [_from_direct_sound(path) for path in paths]


def _from_direct_sound(path: Path) -> FloatArray:
    response = read_audio(path, RATE)
    start = int(np.argmax(np.abs(response)))
    if response[start] == 0:
        raise DataError(f"{path}: this impulse response is silent")
    return response[start : start + int(LONGEST * RATE)] / response[start]


def reverberate(samples: FloatArray, response: FloatArray) -> FloatArray:
    """``samples [n]`` in a room, ``[n]``, with as much energy as before."""
    length = 1 << (len(samples) + len(response) - 2).bit_length()
    spectrum = rfft(samples, length) * rfft(response, length)
    wet: FloatArray = irfft(spectrum, length)[: len(samples)]
    energy = max(float(wet @ wet), 1e-12)
    return wet * np.float32(np.sqrt(float(samples @ samples) / energy))


def rooms(
    count: int, random: np.random.Generator, recorded: Sequence[FloatArray] = ()
) -> list[FloatArray]:
    """``count`` rooms by formula, and the recorded ones."""
    return [random_room(random) for _ in range(count)] + list(recorded)
