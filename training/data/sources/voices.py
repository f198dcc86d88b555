"""Synthetic voices of espeak-ng and flite, divided as speakers are."""

import random
import shutil
import subprocess
from collections.abc import Sequence
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
    (espeak-ng's alone); how long it lasts, s. Raises `DataError` where nothing is heard.
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
