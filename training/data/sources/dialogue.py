"""Running speech of people: the dialogue of a game, without the lines that hold a keyword."""

import io
import re
from collections.abc import Collection, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.sources.queen import Line, read_lines
from training.data.sources.running import decode, write_running

LEAST_S = 0.2
TOP_HERTZ = 4000.0  # the game's recordings hold nothing above
BELOW_HERTZ = (2500.0, 3900.0)
ENVELOPE_S = 0.01
FILLED = 0.75  # of the voices
LEVEL_DB = (-12.0, 3.0)  # of what is filled in, against the band below


def join_dialogue(
    archive: Path, output: Path, words: Collection[str], seed: int = 0
) -> Iterator[Path]:
    """Write the lines in ``archive`` (`queen.read_lines`), a scene's hero or its others together,
    as ``output/<scene>_nohash_<n>.wav`` of about 15 s. Yields each.

    Left out is what has one of ``words`` in its text. The recordings end at 4 kHz, by which a
    network could tell them from all others; so most get an upper band (`fill_upper_band`).
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
    tells any more where the recording ended.
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
