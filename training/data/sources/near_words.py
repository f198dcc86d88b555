"""How words and phrases sound, and how near one comes to a keyword.

The phonemes are those of the CMU Pronouncing Dictionary, which comes with pocketsphinx, without
stress; flite says how words outside it sound.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_edge.errors import DataError
from kws_edge.extras import import_extra

Phones = tuple[str, ...]
OF_FLITE = {"AX": "AH", "AXR": "ER", "IX": "IH", "DX": "T", "EL": "AH L", "EN": "AH N"}
VARIANT = re.compile(r"\(\d+\)$")  # of a word that is said in several ways


@cache
def read_dictionary() -> Mapping[str, tuple[Phones, ...]]:
    """The ways to say each word of pocketsphinx's dictionary. Raises `ConfigError` where
    pocketsphinx is not installed."""
    model_path = import_extra("pocketsphinx", "align").get_model_path
    found: dict[str, tuple[Phones, ...]] = {}
    for line in Path(model_path("en-us/cmudict-en-us.dict")).read_text().splitlines():
        word, *phones = line.split()
        word = VARIANT.sub("", word)
        found[word] = (*found.get(word, ()), tuple(phones))
    return found


def sound_of_unknown(words: Sequence[str]) -> dict[str, Phones]:
    """How flite says ``words``; empty where flite is not installed."""
    if not words or shutil.which("flite") is None:
        return {}
    command = ["flite", "-ps", "-o", "none", "-f", "/dev/stdin"]
    text = "".join(f"{word}.\n\n" for word in words)  # a sentence each: pauses divide them
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    sounds = [sound.upper().split() for sound in result.stdout.split("pau")]
    sounds = [sound for sound in sounds if sound]
    if len(sounds) != len(words):
        raise DataError(f"flite: says {len(sounds)} of {len(words)} words")
    return {
        word: tuple(" ".join(OF_FLITE.get(phone, phone) for phone in sound).split())
        for word, sound in zip(words, sounds, strict=True)
    }


def pronounce(words: Iterable[str]) -> dict[str, tuple[Phones, ...]]:
    """The ways to say each of ``words``, which may be phrases; those that nobody knows are left
    out."""
    texts, dictionary = sorted(set(words)), read_dictionary()
    wanted = sorted({word for text in texts for word in text.split()})
    found = {word: dictionary[word] for word in wanted if word in dictionary}
    unknown = sound_of_unknown([word for word in wanted if word not in found])
    found |= {word: (phones,) for word, phones in unknown.items()}
    known = [text for text in texts if text.split() and all(word in found for word in text.split())]
    return {text: _ways(*(found[word] for word in text.split())) for text in known}


def _ways(*words: Sequence[Phones]) -> tuple[Phones, ...]:
    return tuple(tuple(chain(*chosen)) for chosen in product(*words))


def near_words(
    keywords: Sequence[str], words: Sequence[str], within: bool = False
) -> npt.NDArray[np.int64]:
    """``[words, keywords]``: how many phonemes must change, come or go to make the keyword of the
    word (Levenshtein), by the nearest of their pronunciations; 0 for "know" and "no".

    ``within`` compares with the nearest stretch of the word: 0 for "nobody" and "no". A word that
    nobody can say is as far as the keyword is long, or longer. Raises `DataError` for such a
    keyword, `ConfigError` where pocketsphinx is not installed.
    """
    sounds = pronounce([*keywords, *words])
    if silent := [keyword for keyword in keywords if keyword not in sounds]:
        raise DataError(f"{', '.join(silent)}: neither the dictionary nor flite says how it sounds")
    distances = np.empty((len(words), len(keywords)), np.int64)
    for row, word in enumerate(words):
        for column, keyword in enumerate(keywords):
            distances[row, column] = min(
                _distance(said, sought, within)
                for said in sounds.get(word, ((),))
                for sought in sounds[keyword]
            )
    return distances


def _distance(said: Phones, sought: Phones, within: bool) -> int:
    # the row of Wagner and Fischer's table for what was sought so far, over all ends in ``said``
    row = [0] * (len(said) + 1) if within else list(range(len(said) + 1))
    for count, phone in enumerate(sought, 1):
        diagonal, row[0] = row[0], count
        for at, other in enumerate(said, 1):
            change = diagonal + (phone != other)
            diagonal, row[at] = row[at], min(change, row[at] + 1, row[at - 1] + 1)
    return min(row) if within else row[-1]


def near_phrases(phrase: str, words: Sequence[str], count: int) -> list[str]:
    """About ``count`` texts that sound like ``phrase``, which has words between spaces, and do not
    hold it: its shorter runs of words, and for each of its words the nearest of ``words`` instead.

    Texts in which fewer than a third of its phonemes differ are left out: a person who says them
    may mean the phrase. Raises as `near_words`.
    """
    said, least = phrase.split(), max(1, min(map(len, _sounds(phrase))) // 3)
    lengths = range(1, len(said))
    texts = [" ".join(said[at : at + n]) for n in lengths for at in range(len(said) - n + 1)]
    for place, word in enumerate(said):
        order = np.argsort(near_words([word], words)[:, 0], kind="stable")
        nearest = [words[at] for at in order[: 2 * count]]
        instead = [" ".join([*said[:place], other, *said[place + 1 :]]) for other in nearest]
        held = near_words([phrase], instead, within=True)[:, 0]
        fine = [text for text, far in zip(instead, held, strict=True) if far >= least]
        texts += fine[: count // len(said)]
    return texts


def _sounds(phrase: str) -> tuple[Phones, ...]:
    sounds = pronounce([phrase])
    if phrase not in sounds:
        raise DataError(f"{phrase}: neither the dictionary nor flite says how it sounds")
    return sounds[phrase]
