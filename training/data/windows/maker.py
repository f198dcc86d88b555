"""Draws training windows: from words, noises and running speech, or from clips as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kws_edge.audio.files import one_window
from kws_edge.errors import ValidationErrors
from kws_edge.features.config import FeatureConfig
from kws_edge.types import FloatArray
from training.data.augmentation.effects import Effects
from training.data.clips import Clip
from training.data.windows import LARGEST_PART, SILENCE, UNKNOWN
from training.data.windows.non_keywords import UnknownMix, UnknownSpeech, draw_silence
from training.data.windows.placement import add_after, add_before, place_whole
from training.data.windows.words import Word, Words, load_words


@dataclass(frozen=True)
class WindowConfig:
    """What an epoch is made of.

    There are as many keywords as clips of them, each word as often as the others (clips of a word
    with fewer come more than once); ``unknown_share`` and ``silence_share`` are of all windows.
    ``sentence_share`` of the keywords come from sentences, where there are any, with what is said
    around them. ``word_weights`` says how often the label of another word comes, relative to 1:
    words that sound like a keyword are worth more.
    ``alone_share`` of the keywords stand by themselves, as clips do; the others have
    neighbours, as in a stream. A window may have lost up to the share ``max_onset_truncation`` of
    the beginning of a keyword's speech.
    """

    unknown_share: float = 0.3
    silence_share: float = 0.07
    alone_share: float = 0.4
    max_onset_truncation: float = 0.0
    sentence_share: float = 0.1
    word_weights: dict[str, float] = field(default_factory=dict)
    unknown: UnknownMix = field(default_factory=UnknownMix)

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {getattr(self, name)} is not within 0 to 1"
            for name in ("unknown_share", "silence_share", "alone_share", "sentence_share")
            if not 0 <= getattr(self, name) <= 1
        ]
        faults += [
            f"word_weights.{word}: {weight} is below 0"
            for word, weight in self.word_weights.items()
            if weight < 0
        ]
        if not 0 <= self.max_onset_truncation < 1 - LARGEST_PART:
            faults.append(
                f"max_onset_truncation: {self.max_onset_truncation} is not within 0 to below"
                f" {1 - LARGEST_PART:g}"
            )
        if not faults and self.unknown_share + self.silence_share >= 1:
            faults.append("unknown_share, silence_share: leave no room for keywords")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class SourcePool:
    """Words and recordings of one part of the data; ``speech`` holds no keyword, nor do the
    stretches of it that were ``mined``. ``keywords_said`` and ``others_said`` are words in
    sentences."""

    keywords: Words
    others: Words
    noises: Sequence[FloatArray]
    speech: Words
    mined: Words = field(default_factory=lambda: load_words([]))
    keywords_said: Words = field(default_factory=lambda: load_words([]))
    others_said: Words = field(default_factory=lambda: load_words([]))


# Kinds of windows that get no neighbours: they have some, or must not.
IN_CONTEXT = ("speech", "mined", "parts", "sentences", "keyword in a sentence")


class WindowMaker:
    """Windows of ``samples``, their labels, and what they are, in words."""

    def __init__(
        self, config: WindowConfig, material: SourcePool, effects: Effects, samples: int
    ) -> None:
        self.config = config
        self._material = material
        self._effects = effects
        self._samples = samples
        self._unknown = UnknownSpeech(
            config.unknown,
            material.keywords,
            material.others,
            material.speech,
            material.mined,
            material.others_said,
        )

    def plan(self, random: np.random.Generator) -> list[int | str]:
        """One epoch in random order: numbers of keyword clips, and what else is to be drawn."""
        c, count = self.config, len(self._material.keywords)
        total = count / (1 - c.unknown_share - c.silence_share)
        items: list[int | str] = []
        for clips in self._material.keywords.by_label.values():
            rounds = -(-count // (len(self._material.keywords.by_label) * len(clips)))
            drawn = np.concatenate([random.permutation(clips) for _ in range(rounds)])
            items += drawn[: round(count / len(self._material.keywords.by_label))].tolist()
        items += [UNKNOWN] * round(total * c.unknown_share)
        items += [SILENCE] * round(total * c.silence_share)
        order = random.permutation(len(items))
        return [items[place] for place in order]

    def draw(self, item: int | str, random: np.random.Generator) -> tuple[FloatArray, str, str]:
        """The window ``[samples]`` of an item of a plan, its label and its kind."""
        if item == SILENCE:
            kind, window = draw_silence(self._samples, self._material.noises, random)
            if kind not in ("zeros", "faint"):
                window = self._effects.to_sound(window, random)
            return window, SILENCE, kind
        window = np.zeros(self._samples, np.float32)
        if item == UNKNOWN:
            kind, placed = self._unknown.draw(window, self._effects.speed(random), random)
            (word, (begin, end)), label = placed, UNKNOWN
        else:
            kind, word = self._keyword(int(item), random)
            word = word.faster(self._effects.speed(random))
            begin, end = place_whole(window, word, random, self.config.max_onset_truncation)
            label = word.label
        if kind not in IN_CONTEXT and random.random() >= self.config.alone_share:
            kind += self._add_neighbours(window, begin, end, random)
        return self._effects.to_speech(window, word.level_dbfs, random), label, kind

    def _keyword(self, item: int, random: np.random.Generator) -> tuple[str, Word]:
        said = self._material.keywords_said
        if len(said) and random.random() < self.config.sentence_share:
            return "keyword in a sentence", said.any(random)
        return "keyword", self._material.keywords[item]

    def _add_neighbours(
        self, window: FloatArray, begin: int, end: int, random: np.random.Generator
    ) -> str:
        sides = random.choice(["before", "after", "both"])
        if sides != "after":
            word, largest = self._neighbour(random)
            add_before(window, word, begin, largest, random)
        if sides != "before":
            word, largest = self._neighbour(random)
            add_after(window, word, end, largest, random)
        return f", {sides}"

    def _neighbour(self, random: np.random.Generator) -> tuple[Word, float]:
        """A word and how much of it may be inside: of a keyword, less than makes it one."""
        if len(self._material.others) and random.random() < 0.4:
            return self._material.others.any(random), 1.0
        return self._material.keywords.any(random), LARGEST_PART


class ClipMaker:
    """The `WindowMaker` of a configuration without windows."""

    def __init__(self, clips: Sequence[Clip], effects: Effects, features: FeatureConfig) -> None:
        self._effects, self._samples = effects, features.window_samples
        self._words = load_words(clips, longest=None)

    def plan(self, random: np.random.Generator) -> list[int | str]:
        """The numbers of all clips in random order."""
        return [int(number) for number in random.permutation(len(self._words))]

    def draw(self, item: int | str, random: np.random.Generator) -> tuple[FloatArray, str, str]:
        """The window ``[samples]`` of an item of a plan, its label and its kind."""
        word = self._words[int(item)].faster(self._effects.speed(random))
        window = one_window(word.samples, self._samples)
        return self._effects.to_speech(window, word.level_dbfs, random), word.label, "clip"
