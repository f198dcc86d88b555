"""Clips of words in memory, and their place on a window: whole, in part, with neighbours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kws_edge.audio.files import from_pcm16, read_audio, to_pcm16
from kws_edge.audio.speech_level import measure_speech
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.channel import change_speed
from training.data.clips import Clip
from training.data.windows import LARGEST_PART

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


GAP = (0.03, 0.35)  # s between a word and its neighbour
FADE = 80  # samples at a cut: a click would show the network where clips end


def add(window: FloatArray, samples: FloatArray, at: int) -> None:
    """Add ``samples`` to ``window``, the first of them at place ``at``, what is outside lost."""
    start, end = max(at, 0), min(at + len(samples), len(window))
    if start < end:
        window[start:end] += samples[start - at : end - at]


def place_whole(
    window: FloatArray, word: Word, random: np.random.Generator, max_onset_truncation: float = 0.0
) -> tuple[int, int]:
    """Put ``word`` somewhere with all its speech inside; where that begins and ends.

    Up to the share ``max_onset_truncation`` of its speech may have left the window at its
    beginning: the word was recorded to its end. Speech that is longer than the window lies in
    its middle.
    """
    length = word.last - word.first
    room, before = len(window) - length, round(max_onset_truncation * length)
    begin = int(random.integers(room + before + 1)) - before if room > 0 else room // 2
    add(window, fade(word.samples), begin - word.first)
    return begin, begin + length


def place_part(window: FloatArray, word: Word, random: np.random.Generator) -> tuple[int, int]:
    """Put ``word`` across the window's begin or end, at most `LARGEST_PART` of it inside."""
    length = word.last - word.first
    inside = round(length * random.uniform(0.1, LARGEST_PART))
    begin = len(window) - inside if random.random() < 0.5 else inside - length
    add(window, fade(word.samples), begin - word.first)
    return begin, begin + length


def add_before(
    window: FloatArray, word: Word, begin: int, largest: float, random: np.random.Generator
) -> None:
    """The tail of ``word`` before sample ``begin``, at most the share ``largest`` of it."""
    end = begin - round(random.uniform(*GAP) * RATE)
    end = min(end, round(largest * (word.last - word.first)))
    if end > 0:
        add(window, fade(word.speech), end - (word.last - word.first))


def add_after(
    window: FloatArray, word: Word, end: int, largest: float, random: np.random.Generator
) -> None:
    """The beginning of ``word`` after sample ``end``; at most the share ``largest`` of it."""
    begin = end + round(random.uniform(*GAP) * RATE)
    begin = max(begin, len(window) - round(largest * (word.last - word.first)))
    if begin < len(window):
        add(window, fade(word.speech), begin)


def fade(samples: FloatArray) -> FloatArray:
    """``samples`` that begin and end softly."""
    length = min(FADE, len(samples) // 2)
    ramp = np.linspace(0, 1, length, dtype=np.float32)
    samples = samples.copy()
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp[::-1]
    return samples
