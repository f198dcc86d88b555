"""Synthetic voices of espeak-ng and flite: single words, and running speech without keywords.

Voices are divided into parts as speakers are. Random words of a dictionary are no conversation,
but they hold all the sounds and transitions of the language; words that contain a keyword's sound
are left out. Where only people say the keywords, a network may separate people from machines by
their sound; where the same voices say the keywords too, it has to attend to the words.
"""

import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.errors import DataError, MissingFileError
from training.data.augmentation import RATE
from training.data.splits import Part, official_part

FLITE = ("slt", "rms", "awb", "kal16", "kal")
LANGUAGES = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-029",
    "en-us-nyc",
)
VARIANTS = (
    *(f"m{n}" for n in range(1, 9)),
    *(f"f{n}" for n in range(1, 6)),
    "adam",
    "Alicia",
    "Andrea",
    "Annie",
    "belinda",
    "benjamin",
    "david",
    "ed",
    "Gene",
    "gustave",
    "john",
    "linda",
    "max",
    "Michael",
    "pablo",
    "paul",
    "quincy",
    "rob",
    "steph",
    "victor",
)
ESPEAK = tuple(f"{language}+{variant}" for language in LANGUAGES for variant in VARIANTS)
PROGRAMS = ("espeak-ng", "flite")
FLITE_SHARE = 0.3  # they are few, and sound least like a machine


@dataclass(frozen=True)
class Voices:
    """Those of one part of the official split, or all of them."""

    flite: Sequence[str]
    espeak: Sequence[str]

    @classmethod
    def of(cls, part: Part | None) -> "Voices":
        """Raises `MissingFileError` where a program is not installed."""
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            listed = " ".join(missing)
            raise MissingFileError(f"{listed}: not installed; apt install {listed}")
        return cls(_of_part(FLITE, part), _of_part(ESPEAK, part))

    def draw(self, draw: random.Random) -> str:
        return draw.choice(
            self.flite if self.flite and draw.random() < FLITE_SHARE else self.espeak
        )


def _of_part(voices: Sequence[str], part: Part | None) -> list[str]:
    return [voice for voice in voices if part in (None, official_part(speaker(voice)))]


def speaker(voice: str) -> str:
    """The voice's name in that of a recording."""
    return voice.replace("+", ".")


def speak(voice: str, text: str, speed: int, pitch: int, path: Path) -> float:
    """Write ``text`` to ``path`` at 16 kHz, ``speed`` in words a minute, ``pitch`` in 0 to 99
    (espeak-ng's alone); how long it lasts, s. Raises `DataError` where the voice is silent.
    """
    if voice in FLITE:
        stretch = f"duration_stretch={170 / speed:.3f}"
        command = ["flite", "-voice", voice, "--setf", stretch, "-t", text, "-o", str(path)]
    else:
        how = ["-v", voice, "-s", str(speed), "-p", str(pitch)]
        command = ["espeak-ng", *how, "-w", str(path), text]
    subprocess.run(command, check=True, capture_output=True)
    signal = read_audio(path, RATE)  # espeak-ng speaks at 22,050 Hz
    if not signal.any():
        raise DataError(f"{text}: {voice} says nothing")
    write_wav(path, signal, RATE)
    return len(signal) / RATE


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
    """Up to `VOCABULARY` words of ``dictionary`` (one a line) in which no keyword sounds."""
    plain = plain_words(dictionary)
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


def plain_words(dictionary: Path) -> list[str]:
    """The words of ``dictionary`` that are no names and neither very short nor very long."""
    try:
        lines = dictionary.read_text(encoding="utf-8").split()
    except OSError as error:
        raise MissingFileError(f"{dictionary}: {error.strerror}; apt install wamerican") from error
    return [w for w in lines if w.isascii() and w.isalpha() and w.islower() and 2 < len(w) < 12]


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
