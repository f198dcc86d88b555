"""The settings of augmentation, and the effects in their order: room, noise, line, level."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray
from training.data.augmentation.channel import CODECS, codec, narrow, tilt
from training.data.augmentation.noise import (
    add_noise,
    any_noise,
    clip_at,
    random_gain,
    to_steps,
)
from training.data.augmentation.room import load_rooms, reverberate, rooms
from training.data.augmentation.spectral import Masks


@dataclass(frozen=True)
class Range:
    """Drawn evenly from ``low`` to ``high``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValidationErrors([f"low: {self.low} is above high ({self.high})"])

    @property
    def pair(self) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True)
class AugmentationConfig:
    """``..._share``: of the windows to which an effect comes, 0 to 1.

    ``speed`` is the largest change (0.1: 0.9 to 1.1 times as fast); ``gain_db`` is relative to
    the clip as recorded, ``snr_db`` to its active speech; ``rooms`` are made by formula, and
    those of ``room_folder`` come on top.
    """

    speed: float = 0.1
    gain_db: Range = Range(-26, 8)
    noise_share: float = 0.6
    snr_db: Range = Range(0, 35)
    room_share: float = 0.25
    rooms: int = 100
    room_folder: Path | None = None
    tilt_share: float = 0.3
    narrow_share: float = 0.05
    codec_share: float = 0.05
    clip_share: float = 0.04
    masks: Masks = field(default_factory=Masks)
    mixup: float = 0.2

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {value} is not within 0 to 1"
            for name, value in vars(self).items()
            if name.endswith("_share") and not 0 <= value <= 1
        ]
        if not 0 <= self.speed < 0.5:
            faults.append(f"speed: {self.speed} is not within 0 to below 0.5")
        if self.rooms < 0 or self.mixup < 0:
            faults.append("rooms, mixup: below 0")
        if self.room_share and not self.rooms and self.room_folder is None:
            faults.append("room_share: there is no room (rooms, room_folder)")
        if faults:
            raise ValidationErrors(faults)


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

    def to_speech(
        self, samples: FloatArray, level_dbfs: float, random: np.random.Generator
    ) -> FloatArray:
        """``samples [n]``, with speech of ``level_dbfs`` in them, as a microphone may record it."""
        c = self.config
        if random.random() < c.room_share:
            samples = reverberate(samples, self._rooms[random.integers(len(self._rooms))])
        if random.random() < c.noise_share:
            noise = any_noise(len(samples), self.noises, random)
            snr = random.uniform(*c.snr_db.pair)
            samples = add_noise(samples, level_dbfs, noise, snr)
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
