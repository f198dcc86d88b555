"""Windows without a keyword: other speech, backgrounds, hum, knocks and near silence."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from kws_edge.audio.files import PCM16_SCALE
from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray
from training.data.augmentation.noise import any_noise, at_level, clicks, crop, hum
from training.data.windows.placement import add, fade, place_part, place_whole
from training.data.windows.words import Word, Words, stretch_of

SMALL_PART = 0.35  # of a keyword in a join

# The word that it put on the window, and where that begins and ends.
Placed = tuple[Word, tuple[int, int]]
Maker = Callable[[FloatArray, float, np.random.Generator], Placed]


@dataclass(frozen=True)
class UnknownMix:
    """How often each kind of unknown speech comes, relative to the others.

    ``words``: other words; ``parts`` of keywords; ``spliced``: a piece of a keyword and a piece
    of another word; ``backwards``: keywords from end to beginning (0 for keywords that then
    sound like one of them, as "mom" does); ``speech``: stretches of running speech; ``mined``:
    such that a model took for a keyword; ``sentences``: words in sentences, those that sound like
    a keyword more often.
    """

    words: float = 4
    parts: float = 3
    spliced: float = 1.5
    backwards: float = 1
    speech: float = 2
    mined: float = 2
    sentences: float = 3

    def __post_init__(self) -> None:
        if min(vars(self).values()) < 0 or not sum(vars(self).values()):
            raise ValidationErrors(["expected shares of at least 0, not all of them 0"])


class UnknownSpeech:
    """Draws windows of unknown speech from ``keywords``, ``others`` and running ``speech``.

    Kinds for which there is no material are left out; there is always some, since parts of
    keywords need nothing else.
    """

    def __init__(
        self,
        mix: UnknownMix,
        keywords: Words,
        others: Words,
        speech: Words,
        mined: Words,
        said: Words,
    ) -> None:
        self._keywords, self._others, self._said = keywords, others, said
        shares = {field.name: float(getattr(mix, field.name)) for field in fields(mix)}
        if not len(others):
            shares["words"] = shares["spliced"] = 0
        for kind, recordings in (("speech", speech), ("mined", mined), ("sentences", said)):
            shares[kind] *= len(recordings) > 0
        if not sum(shares.values()):
            shares["parts"] = 1
        self._chances = {kind: share / sum(shares.values()) for kind, share in shares.items()}
        self._makers: dict[str, Maker] = {
            "words": self._words,
            "parts": self._parts,
            "spliced": self._spliced,
            "backwards": self._backwards,
            "speech": functools.partial(_stretch, speech),
            "mined": functools.partial(_stretch, mined),
            "sentences": self._sentences,
        }

    def draw(
        self, window: FloatArray, factor: float, random: np.random.Generator
    ) -> tuple[str, Placed]:
        """Put one on ``window``, ``factor`` times as fast; its kind, the word, and its place."""
        kind = str(random.choice(list(self._chances), p=list(self._chances.values())))
        return kind, self._makers[kind](window, factor, random)

    def _words(self, window: FloatArray, factor: float, random: np.random.Generator) -> Placed:
        word = self._others.any(random).faster(factor)
        # of a word that is never a keyword any part will do
        place = place_part if random.random() < 0.3 else place_whole
        return word, place(window, word, random)

    def _sentences(self, window: FloatArray, factor: float, random: np.random.Generator) -> Placed:
        word = self._said.any(random).faster(factor)
        return word, place_whole(window, word, random)

    def _parts(self, window: FloatArray, factor: float, random: np.random.Generator) -> Placed:
        word = self._keywords.any(random).faster(factor)
        return word, place_part(window, word, random)

    def _spliced(self, window: FloatArray, factor: float, random: np.random.Generator) -> Placed:
        keyword, other = self._keywords.any(random), self._others.any(random)
        share = random.uniform(0.15, SMALL_PART)
        # the keyword is always the smaller part: half of "right" and the t of "cat" is "right"
        if random.random() < 0.5:
            segments = [_head(keyword, share), _tail(other, 1 - share)]
        else:
            segments = [_head(other, 1 - share), _tail(keyword, share)]
        word = stretch_of(np.concatenate([fade(piece) for piece in segments])).faster(factor)
        return word, place_whole(window, word, random)

    def _backwards(self, window: FloatArray, factor: float, random: np.random.Generator) -> Placed:
        word = self._keywords.any(random).backwards().faster(factor)
        return word, place_whole(window, word, random)


def _stretch(
    recordings: Words, window: FloatArray, factor: float, random: np.random.Generator
) -> Placed:
    recording = recordings[int(random.integers(len(recordings)))].samples
    word = stretch_of(crop(recording, round(len(window) * factor) + 1, random)).faster(factor)
    add(window, word.samples, 0)
    return word, (0, len(window))


def _head(word: Word, share: float) -> FloatArray:
    return word.speech[: max(1, round(share * len(word.speech)))]


def _tail(word: Word, share: float) -> FloatArray:
    return word.speech[-max(1, round(share * len(word.speech))) :]


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
