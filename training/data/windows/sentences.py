"""Words in sentences, with what is said before and after them: keywords, and words like them."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

import numpy as np

from kws_edge.audio.files import from_pcm16
from kws_edge.audio.level import LOWEST_DBFS, level_dbfs
from training.data.augmentation import RATE
from training.data.catalogue import Occurrence
from training.data.windows.words import WordArrays, Words, as_pcm16

CONTEXT = round(1.5 * RATE)  # samples before and after a word: no window reaches further
# How often a word comes by its distance to the nearest keyword in phonemes; others, once.
NEAR_WEIGHTS = {1: 4.0, 2: 2.0}


def words_in_sentences(
    occurrences: Sequence[Occurrence], keywords: Collection[str], called: str
) -> tuple[Words, Words]:
    """The keywords among ``occurrences``, and the other words, which are all ``called`` so.

    A word with a keyword, or with what sounds like one, in its context is left out: a window
    with both has no one label. Samples are 32 KB for each second of the sentences.
    """
    samples, starts, taken = [], {}, 0
    for path in dict.fromkeys(word.path for word in occurrences):
        samples.append(as_pcm16(path))
        starts[path] = taken
        taken += len(samples[-1])
    flat = np.concatenate(samples) if samples else np.zeros(0, np.int16)
    ends = {path: starts[path] + len(part) for path, part in zip(starts, samples, strict=True)}
    usable = list(_unambiguous(occurrences))
    places = np.array([_place(w, starts[w.path], ends[w.path]) for w in usable], np.int64)
    places = places.reshape(-1, 4)
    levels = [_level(flat[start + first : start + last]) for start, _, first, last in places]
    spoken = np.array([word.word in keywords for word in usable], bool)

    def chosen(rows: "np.ndarray[tuple[int], np.dtype[np.bool_]]", name: str | None) -> Words:
        found = [word for word, row in zip(usable, rows, strict=True) if row]
        arrays = WordArrays(
            flat, places[rows, 0], places[rows, 1], places[rows, 2:], np.array(levels)[rows]
        )
        weights = {word.word: NEAR_WEIGHTS.get(word.distance, 1.0) for word in found}
        return Words(arrays, [word.word for word in found], called=name, weights=weights)

    return chosen(spoken, None), chosen(~spoken, called)


def _unambiguous(occurrences: Sequence[Occurrence]) -> Iterator[Occurrence]:
    for _, group in groupby(occurrences, key=lambda word: word.path):
        sentence = list(group)
        near = [word for word in sentence if word.distance == 0]
        for word in sentence:
            reach = CONTEXT / RATE
            others = (other for other in near if other is not word)
            if all(
                other.end_s < word.start_s - reach or other.start_s > word.end_s + reach
                for other in others
            ):
                yield word


def _place(word: Occurrence, start: int, end: int) -> tuple[int, int, int, int]:
    """First sample of the context and the one after its last; the word's within it."""
    first = min(start + round(word.start_s * RATE), end - 1)
    last = max(first + 1, min(start + round(word.end_s * RATE), end))
    begin = max(start, first - CONTEXT)
    return begin, min(end, last + CONTEXT), first - begin, last - begin


def _level(samples: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> float:
    return max(LOWEST_DBFS, level_dbfs(from_pcm16(samples)))
