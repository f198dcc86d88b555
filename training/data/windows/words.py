"""Clips of words in memory, and where in them the word is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kws_edge.audio.files import from_pcm16, read_audio, to_pcm16
from kws_edge.audio.speech_level import measure_speech
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.speed import change_speed
from training.data.clips import Clip

LONGEST = 4 * RATE  # of a clip: more is not a word


@dataclass(frozen=True)
class Word:
    """A clip's ``samples [n]`` and its speech, from sample ``first`` to before ``last``."""

    samples: FloatArray
    label: str
    first: int
    last: int

    @property
    def speech(self) -> FloatArray:
        """The word alone."""
        return self.samples[self.first : self.last]

    def faster(self, factor: float) -> "Word":
        """The word spoken ``factor`` times as fast."""
        samples = change_speed(self.samples, factor)
        last = min(len(samples), round(self.last / factor))
        return Word(samples, self.label, min(round(self.first / factor), last - 1), last)

    def backwards(self) -> "Word":
        """The word from its end to its beginning: speech that is no word."""
        length = len(self.samples)
        return Word(self.samples[::-1], self.label, length - self.last, length - self.first)


class Words(Sequence[Word]):
    """Words of clips, kept as 16-bit samples and found once."""

    def __init__(self, clips: Iterable[Clip], label: str | None = None) -> None:
        """``label``: what they are all called, instead of each by its folder."""
        self._kept = []
        for clip in clips:
            samples = read_audio(clip.path, RATE)[:LONGEST]
            if not len(samples):
                continue
            first, last = measure_speech(samples, RATE).bounds
            self._kept.append((to_pcm16(samples), label or clip.label, first, last))

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Word:  # type: ignore[override]
        samples, label, first, last = self._kept[index]
        return Word(from_pcm16(samples), label, first, last)

    def any(self, random: np.random.Generator) -> Word:
        """One of them, each as likely."""
        return self[int(random.integers(len(self)))]
