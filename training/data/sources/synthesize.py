"""Running speech that holds none of the keywords, from synthetic voices.

Other people's sentences are rare in data sets of single words. Random words of a dictionary,
read by many voices, are no conversation either, but they hold all the sounds and joins of
the language; whatever sounds like a keyword anywhere inside is left out.
"""

import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from kws_edge.errors import DataError, MissingFileError
from training.data.sources.voices import Voices, speak, speaker
from training.data.splits import Part

DICTIONARY = Path("/usr/share/dict/words")
MARKS = "',%=_:|!0123456789 "  # stress and pauses in espeak-ng's phonemes
VOCABULARY = 5000
WORDS_A_RECORDING = 25


def synthesize(
    output: Path,
    keywords: Sequence[str],
    minutes: float,
    dictionary: Path,
    seed: int,
    part: Part | None = None,
) -> Iterator[Path]:
    """Write recordings ``output/<voice>_nohash_<n>.wav`` until they last ``minutes``.

    Yields each. With ``part`` only voices of that part of the official split speak. The same
    seed and versions of the programs give the same recordings.
    Raises `MissingFileError` where a program or the dictionary is missing.
    """
    voices, draw, seconds, number = Voices.of(part), random.Random(seed), 0.0, 0
    words = harmless_words(dictionary, keywords, draw)
    output.mkdir(parents=True, exist_ok=True)
    while seconds < 60 * minutes:
        voice = voices.draw(draw)
        text = _sentence(draw, words)
        path = output / f"{speaker(voice)}_nohash_{number}.wav"
        speed, pitch = draw.randint(120, 230), draw.randint(20, 80)
        seconds += speak(voice, text, speed, pitch, path)
        number += 1
        yield path


def harmless_words(dictionary: Path, keywords: Sequence[str], draw: random.Random) -> list[str]:
    """Up to `VOCABULARY` words of ``dictionary`` (one a line) in which no keyword is heard."""
    try:
        lines = dictionary.read_text(encoding="utf-8").split()
    except OSError as error:
        raise MissingFileError(f"{dictionary}: {error.strerror}; apt install wamerican") from error
    plain = [w for w in lines if w.isascii() and w.isalpha() and w.islower() and 2 < len(w) < 12]
    plain = draw.sample(plain, min(VOCABULARY, len(plain)))
    forbidden = phonemes(keywords)
    words = [
        word
        for word, sound in zip(plain, phonemes(plain), strict=True)
        if not any(keyword in sound for keyword in forbidden)
    ]
    if len(words) < 100:
        raise DataError(f"{dictionary}: {len(words)} usable words, expected at least 100")
    return words


def phonemes(words: Sequence[str]) -> list[str]:
    """How espeak-ng says each word, in its own notation without stress."""
    text = "".join(f"{word}.\n" for word in words)
    result = subprocess.run(
        ["espeak-ng", "-q", "-x", "-v", "en-us", "--stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    sounds = [line.translate(str.maketrans("", "", MARKS)) for line in result.stdout.split("\n")]
    sounds = [sound for sound in sounds if sound]
    if len(sounds) != len(words):
        raise DataError(f"espeak-ng: {len(sounds)} lines of phonemes for {len(words)} words")
    return sounds


def _sentence(draw: random.Random, words: Sequence[str]) -> str:
    text = [draw.choice(words) for _ in range(WORDS_A_RECORDING)]
    for place in range(draw.randint(3, 7), len(text), 6):
        text[place] += draw.choice([".", ",", "?"])
    return " ".join(text) + "."
