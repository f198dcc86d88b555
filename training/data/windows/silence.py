"""Windows without speech: backgrounds, hum, knocks, and next to nothing."""

from collections.abc import Sequence

import numpy as np

from kws_edge.audio.files import PCM16_SCALE
from kws_edge.types import FloatArray
from training.data.augmentation.noise import any_noise, at_level, clicks, hum

KINDS = {"background": 5, "hum": 1, "clicks": 2, "faint": 1, "zeros": 0.5}
LEVELS = (-75.0, -8.0)  # dBFS


def draw_silence(
    samples: int, noises: Sequence[FloatArray], random: np.random.Generator
) -> tuple[str, FloatArray]:
    """A window ``[samples]`` of one of `KINDS`, and which."""
    total = sum(KINDS.values())
    kind = str(random.choice(list(KINDS), p=[share / total for share in KINDS.values()]))
    if kind == "zeros":
        return kind, np.zeros(samples, np.float32)
    if kind == "faint":  # the last bits of a converter
        steps = random.integers(-2, 3, samples) * (random.random(samples) < random.random())
        return kind, (steps / PCM16_SCALE).astype(np.float32)
    level = random.uniform(*LEVELS)
    background = at_level(any_noise(samples, noises, random), level)
    if kind == "background":
        return kind, background
    sound = hum(samples, random) if kind == "hum" else clicks(samples, random)
    return kind, at_level(background, level - random.uniform(0, 40)) + at_level(sound, level)
