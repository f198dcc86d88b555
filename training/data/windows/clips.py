"""Draws training examples from clips as they are: one window each, with augmentation."""

from collections.abc import Sequence

import numpy as np

from kws_edge.audio.files import from_pcm16, one_window, read_audio, to_pcm16
from kws_edge.features.config import FeatureConfig
from kws_edge.types import FloatArray
from training.data.augmentation.effects import Effects
from training.data.augmentation.speed import change_speed
from training.data.clips import Clip


class ClipMaker:
    """The `WindowMaker` of a configuration without windows."""

    def __init__(self, clips: Sequence[Clip], effects: Effects, features: FeatureConfig) -> None:
        self._effects, self._samples = effects, features.window_samples
        self._clips = [
            (to_pcm16(read_audio(clip.path, features.sample_rate)), clip.label) for clip in clips
        ]

    def plan(self, random: np.random.Generator) -> list[int | str]:
        """The numbers of all clips in random order."""
        return [int(number) for number in random.permutation(len(self._clips))]

    def draw(self, item: int | str, random: np.random.Generator) -> tuple[FloatArray, str, str]:
        """The window ``[samples]`` of an item of a plan, its label and its kind."""
        samples, label = self._clips[int(item)]
        spoken = change_speed(from_pcm16(samples), self._effects.speed(random))
        window = one_window(spoken, self._samples)
        return self._effects.to_speech(window, random), label, "clip"
