"""The place of a word on a window: whole, in part, with neighbours."""

import functools

import numpy as np

from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.windows import LARGEST_PART
from training.data.windows.words import Word

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
    ramp = _ramp(length)
    samples = samples.copy()
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp[::-1]
    return samples


@functools.cache  # of at most FADE + 1 lengths
def _ramp(length: int) -> FloatArray:
    return np.linspace(0, 1, length, dtype=np.float32)
