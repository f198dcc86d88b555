"""Pieces, gaps and noise put together to a stream whose words and times are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.audio.files import read_audio
from kws_edge.detection.scoring import SpokenWord
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.evaluation.streams.config import NoiseConfig, StreamConfig
from training.evaluation.streams.pieces import (
    Piece,
    draw_clips,
    recordings,
    speech_piece,
    word_piece,
)

EDGE_MS = 50.0  # over which the noise of a scene comes and goes


@dataclass(frozen=True)
class Stream:
    """``samples [n]`` (float32 at `RATE`) and what is spoken in them, in order of time."""

    samples: FloatArray
    words: tuple[SpokenWord, ...]


def compose(config: StreamConfig, data: Path) -> Stream:
    """The stream of a description; ``data`` is the folder that its folders lie in.

    The same description and files give the same samples. Raises `MissingFileError` and
    `DataError` where the files are not there.
    """
    rng = np.random.default_rng(config.seed)
    pieces = [
        word_piece(clip, config.margin_ms)
        for source in config.clips
        for clip in draw_clips(source, data, rng)
    ]
    for source in config.speech:
        pieces += [speech_piece(source, data, rng) for _ in range(source.count)]
    pieces = [pieces[number] for number in rng.permutation(len(pieces))]
    starts, length = _places(pieces, config, rng)
    levels = _scene_levels(config, length, rng)
    samples = _background(config, data, length, levels, rng)
    words = []
    for piece, start in zip(pieces, starts, strict=True):
        level = levels[_scene(config, start)]
        samples[start : start + len(piece.samples)] += piece.samples * _gain(piece.power, level)
        times = (start + piece.start) / RATE, (start + piece.end) / RATE
        words.append(SpokenWord(*times, piece.label))
    return Stream(samples, tuple(words))


def _places(
    pieces: Sequence[Piece], config: StreamConfig, rng: np.random.Generator
) -> tuple[list[int], int]:
    """The sample at which each piece starts, and the length of the stream."""
    least, most = config.gap_seconds
    gaps = rng.uniform(least, most, len(pieces) + 1)  # before each and after the last
    gaps[rng.random(len(gaps)) < config.back_to_back] = 0.0
    starts, at = [], 0
    for piece, gap in zip(pieces, gaps[:-1], strict=True):
        at += round(gap * RATE)
        starts.append(at)
        at += len(piece.samples)
    end = at + round(gaps[-1] * RATE)
    return starts, max(end, round(config.least_seconds * RATE))


def _scene(config: StreamConfig, sample: int) -> int:
    return int(sample // round(config.scene_seconds * RATE))


def _scene_levels(
    config: StreamConfig, length: int, rng: np.random.Generator
) -> list[float | None]:
    """The level of the speech in each scene, in dBFS; None: as recorded."""
    scenes = _scene(config, max(0, length - 1)) + 1
    if config.speech_dbfs is None:
        return [None] * scenes
    least, most = config.speech_dbfs
    return [float(level) for level in rng.uniform(least, most, scenes)]


def _gain(power: float, level_dbfs: float | None) -> np.float32:
    if level_dbfs is None:
        return np.float32(1.0)
    return np.float32(10 ** (level_dbfs / 20) / np.sqrt(power))


def _background(
    config: StreamConfig,
    data: Path,
    length: int,
    levels: Sequence[float | None],
    rng: np.random.Generator,
) -> FloatArray:
    """The floor and the noise of each scene, ``[length]``."""
    samples = np.zeros(length, np.float32)
    if config.floor_dbfs is not None:
        floor = rng.standard_normal(length, np.float32)
        samples += floor * np.float32(10 ** (config.floor_dbfs / 20))
    if config.noise:
        sounds = [read_audio(path, RATE) for path in recordings(data / config.noise.folder)]
        size = round(config.scene_seconds * RATE)
        for number, level in enumerate(levels):
            scene = samples[number * size : (number + 1) * size]
            scene += _scene_noise(config.noise, sounds, len(scene), level or 0.0, rng)
    return samples


def _scene_noise(
    noise: NoiseConfig,
    sounds: Sequence[FloatArray],
    length: int,
    level_dbfs: float,
    rng: np.random.Generator,
) -> FloatArray:
    """An excerpt at the scene's ratio, ``[length]``, repeated where it is too short."""
    sound = sounds[int(rng.integers(len(sounds)))]
    offset, ratio, lot = rng.integers(len(sound)), rng.choice(noise.snr_db), rng.random()
    excerpt = np.take(sound, np.arange(offset, offset + length), mode="wrap")
    power = float(np.mean(np.square(excerpt, dtype=np.float64)))
    if lot < noise.quiet or power == 0:
        return np.zeros(length, np.float32)
    edge = min(round(EDGE_MS * RATE / 1000), length)
    ramp = np.linspace(0, 1, edge, dtype=np.float32)
    excerpt[:edge] *= ramp
    excerpt[length - edge :] *= ramp[::-1]
    return excerpt * _gain(power, level_dbfs - float(ratio))
