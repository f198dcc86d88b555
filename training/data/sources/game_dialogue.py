"""Running speech of people: the dialogue of a game, without the lines that hold a keyword.

Flight of the Amazon Queen (1995; ``apt install flight-of-the-amazon-queen``; free to use, modify
and pass on) is hours of English by actors. Its one file is an archive in ScummVM's form: a table
of names, then the files, texts among them. The layout below was read from the file itself.
"""

import io
import re
import struct
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from kws_edge.errors import DataError, MissingFileError
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.sources.running import decode, write_running

ARCHIVE = Path("/usr/share/scummvm/flight-of-the-amazon-queen/queen.1c")
MAGIC = b"QTBL"
COUNT_AT, TABLE_AT, ENTRY = 13, 15, struct.Struct(">12sBII")  # name, disk, offset, size
SPEECH, DIALOGUE, SCENE = ".SB", ".DOG", ".CUT"

HEADER = 20  # of a dialogue; then 16-bit numbers, of which these
KEY, OTHERS_AT = 2, 11  # the dialogue's number, and where the lines of others begin
STRING = re.compile(rb"(?=(..)(.)([ -~]+))", re.DOTALL)  # number, length, text
PAUSE = re.compile(r"\*(?:\d\d|[A-Z]{2})")  # "*02": a gesture; a recording of its own after it

OF_DIALOGUE = re.compile(r"(\d\d)([0-9A-F]{4})([JP])(\d)$")  # dialogue, line, hero or other, part
OF_SCENE = re.compile(r"(C\d+[A-Z])_?\d{3}$")


@dataclass(frozen=True)
class Line:
    """A recorded part of a line: its name, who says it (one of them in one place), what is said
    (or more than that, where the parts are not separated) and the MP3 file."""

    name: str
    voice: str
    text: str
    recording: bytes


def read_lines(path: Path) -> Iterator[Line]:
    """The lines in the archive ``path`` whose words are known, by name.

    Raises `MissingFileError`, and `DataError` for a file that is no such archive.
    """
    files = _unpacked(path)
    dialogues = _dialogues(files)
    recordings = sorted(name.removesuffix(SPEECH) for name in files if name.endswith(SPEECH))
    parts: dict[str, int] = {}
    for name in recordings:
        if match := OF_DIALOGUE.match(name):
            parts[name[:-1]] = max(int(match[4]), parts.get(name[:-1], 0))
    for name in recordings:
        if match := OF_DIALOGUE.match(name):
            text = dialogues.get((int(match[1]), match[3], int(match[2], 16)))
            said = [part for part in map(str.strip, PAUSE.split(text or "")) if part]
            if len(said) == parts[name[:-1]]:
                text = said[int(match[4]) - 1]
            voice = f"queen{match[1]}{match[3]}"
        elif (match := OF_SCENE.match(name)) and (scene := files.get(match[1] + SCENE)):
            text = " ".join(run.decode() for run in re.findall(rb"[ -~]{3,}", scene))
            voice = f"queen{match[1]}"
        else:
            continue
        if text:
            yield Line(name, voice, text, files[name + SPEECH])


def _unpacked(path: Path) -> dict[str, bytes]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingFileError(
            f"{path}: {error.strerror}; apt install flight-of-the-amazon-queen"
        ) from error
    count = int.from_bytes(content[COUNT_AT:TABLE_AT], "big")
    table = content[TABLE_AT : TABLE_AT + count * ENTRY.size]
    if not content.startswith(MAGIC) or not 0 < count * ENTRY.size <= len(table):
        raise DataError(f"{path}: not the archive of Flight of the Amazon Queen")
    return {
        name.split(b"\0")[0].decode("ascii", "replace"): content[offset : offset + size]
        for name, _, offset, size in ENTRY.iter_unpack(table)
    }


def _dialogues(files: dict[str, bytes]) -> dict[tuple[int, str, int], str]:
    """What is said, by the dialogue's number, ``J`` (the hero) or ``P`` and the line's number."""
    texts: dict[tuple[int, str, int], list[str]] = defaultdict(list)
    for name, content in files.items():
        body = content[HEADER:]
        if not name.endswith(DIALOGUE) or len(body) < 2 * (OTHERS_AT + 1):
            continue
        numbers = struct.unpack_from(f">{OTHERS_AT + 1}H", body)
        for match in STRING.finditer(body):
            if match[2][0] == len(match[3]) > 1:
                who = "J" if match.start() < numbers[OTHERS_AT] else "P"
                key = (numbers[KEY], who, int.from_bytes(match[1], "big"))
                texts[key].append(match[3].decode())
    return {key: " ".join(said) for key, said in texts.items()}


LEAST_S = 0.2
TOP_HERTZ = 4000.0  # the game's recordings hold nothing above
BELOW_HERTZ = (2500.0, 3900.0)
ENVELOPE_S = 0.01
FILLED = 0.75  # of the voices
LEVEL_DB = (-12.0, 3.0)  # of the noise that fills it, against the band below


def join_dialogue(
    archive: Path, output: Path, words: Collection[str], seed: int = 0
) -> Iterator[Path]:
    """Write the lines in ``archive`` (`queen.read_lines`), a scene's hero or its others together,
    as ``output/<scene>_nohash_<n>.wav`` of about 15 s. Yields each.

    Left out is what has one of ``words`` in its text. The recordings end at 4 kHz, by which a
    network could separate them from all others; so most get an upper band (`fill_upper_band`).
    Raises `MissingFileError` and `DataError`.
    """
    harmless = [line for line in read_lines(archive) if not _spoken(line.text) & {*words}]
    harmless.sort(key=lambda line: (line.voice, line.name))
    for number, (voice, lines) in enumerate(groupby(harmless, key=lambda line: line.voice)):
        rng = np.random.default_rng([seed, number])
        yield from write_running(output, voice, _voiced(lines, rng))


def fill_upper_band(samples: FloatArray, level_db: float, rng: np.random.Generator) -> FloatArray:
    """``samples`` at 16 kHz that end at 4 kHz with a band above it: noise with the envelope of
    the band below, ``level_db`` against that.

    The simplest of the bandwidth extensions that Jax and Vary compare ("On artificial bandwidth
    extension of telephone speech", Signal Processing 83, 2003): no s is restored, but nothing
    shows any more where the recording ended.
    """
    window = np.ones(round(ENVELOPE_S * RATE)) / round(ENVELOPE_S * RATE)
    power = np.convolve(_band(samples, *BELOW_HERTZ) ** 2, window, "same")
    noise = _band(rng.standard_normal(len(samples), np.float32), TOP_HERTZ, RATE / 2)
    noise *= 10 ** (level_db / 20) * np.sqrt(np.maximum(power, 0)) / np.std(noise)
    return np.clip(samples + noise, -1, 1).astype(np.float32)


def _band(samples: FloatArray, low: float, high: float) -> FloatArray:
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(hertz < low) | (hertz > high)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def _voiced(lines: Iterator[Line], rng: np.random.Generator) -> Iterator[FloatArray]:
    level = rng.uniform(*LEVEL_DB) if rng.random() < FILLED else None
    for line in lines:
        samples = decode(io.BytesIO(line.recording), line.name, "mp3")
        if len(samples) >= LEAST_S * RATE:
            yield samples if level is None else fill_upper_band(samples, level, rng)


def _spoken(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))
