"""Single words from synthetic voices.

Running speech of synthetic voices stands for other words (see `synthesize`). Where
only people say the keywords, a network may tell the two by the sound of the machine; where the
same voices say the keywords too, it has to listen to what is said.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from kws_edge.errors import DataError
from training.data.sources.voices import Voices, speak, speaker
from training.data.splits import Part

LONGEST_S = 1.0
TRIES = 20


def speak_words(
    output: Path, words: Sequence[str], count: int, seed: int, part: Part | None = None
) -> Iterator[Path]:
    """Write ``count`` takes of each word, ``output/<word>/<voice>_nohash_<n>.wav``, each of at
    most a second. Yields each.

    A ``-`` or ``_`` in a word is spoken as a space. With ``part`` only voices of that part of
    the official split speak. The same seed and versions of the programs give the same takes.
    Raises `MissingFileError` where a program is missing and `DataError` where a word does not
    fit into a second.
    """
    voices, draw = Voices.of(part), random.Random(seed)
    for word in words:
        (output / word).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            yield _take(output / word, word, number, voices, draw)


def _take(folder: Path, word: str, number: int, voices: Voices, draw: random.Random) -> Path:
    for _ in range(TRIES):
        voice = voices.draw(draw)
        path = folder / f"{speaker(voice)}_nohash_{number}.wav"
        text = word.replace("-", " ").replace("_", " ")
        if speak(voice, text, draw.randint(110, 220), draw.randint(15, 85), path) <= LONGEST_S:
            return path
        path.unlink()
    raise DataError(f"{word}: lasts longer than {LONGEST_S:g} s in {TRIES} of {TRIES} tries")
