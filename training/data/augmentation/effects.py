"""The effects in the order in which they come to a sound: room, noise, line, level."""

from collections.abc import Sequence

import numpy as np

from kws_edge.types import FloatArray
from training.data.augmentation.channel import CODECS, codec, narrow, tilt
from training.data.augmentation.config import AugmentationConfig
from training.data.augmentation.level import clip_at, random_gain, speech_level, to_steps
from training.data.augmentation.noise import add_noise, any_noise
from training.data.augmentation.room import load_rooms, reverberate, rooms


class Effects:
    """What an `AugmentationConfig` asks for, its rooms and noises at hand."""

    def __init__(
        self, config: AugmentationConfig, noises: Sequence[FloatArray], seed: int = 0
    ) -> None:
        self.config = config
        self.noises = noises
        recorded = load_rooms(config.room_folder) if config.room_folder else ()
        self._rooms = rooms(config.rooms, np.random.default_rng(seed), recorded)

    def speed(self, random: np.random.Generator) -> float:
        """How many times as fast the next clip is to be."""
        return random.uniform(1 - self.config.speed, 1 + self.config.speed)

    def to_speech(self, samples: FloatArray, random: np.random.Generator) -> FloatArray:
        """``samples [n]`` with speech in them as a microphone may have heard it, ``[n]``."""
        c = self.config
        if random.random() < c.room_share:
            samples = reverberate(samples, self._rooms[random.integers(len(self._rooms))])
        if random.random() < c.noise_share:
            noise = any_noise(len(samples), self.noises, random)
            snr = random.uniform(*c.snr_db.pair)
            samples = add_noise(samples, speech_level(samples), noise, snr)
        return self.to_sound(samples, random)

    def to_sound(self, samples: FloatArray, random: np.random.Generator) -> FloatArray:
        """The line and the level: what comes to any sound, speech or not."""
        c = self.config
        if random.random() < c.tilt_share:
            samples = tilt(samples, random)
        if random.random() < c.narrow_share:
            samples = narrow(samples, random)
        if random.random() < c.codec_share:
            samples = codec(samples, str(random.choice(list(CODECS))))
        if random.random() < c.clip_share:
            samples = clip_at(samples, random.uniform(0.1, 0.7))
        return to_steps(random_gain(samples, random, c.gain_db.pair))
