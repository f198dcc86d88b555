"""Streams made of clips, speech and noise, with known words at known times, and their files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.audio.files import AUDIO_SUFFIXES, audio_files, one_window, read_audio, write_wav
from kws_edge.audio.speech_level import measure_speech
from kws_edge.detection.detector import is_keyword
from kws_edge.detection.scoring import SpokenWord, read_label_track
from kws_edge.errors import DataError, MissingFileError
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.room import random_room, reverberate
from training.data.clips import Clip, scan, speaker_of
from training.data.splits import by_takes, official_part, split_clips
from training.evaluation.streams.stream_config import (
    ClipSourceConfig,
    NoiseConfig,
    SpeechConfig,
    StreamConfig,
)

LABEL_SUFFIXES = (".labels.txt", ".txt")


FADE_MS = 10.0
SPEECH = "_speech_"
EDGE_MS = 50.0  # fade of the noise at both ends of a scene


@dataclass(frozen=True)
class Segment:
    """``samples [n]`` (float32 at `RATE`) in which ``label`` is spoken from sample ``start`` to
    ``end``, at ``power`` (mean square of the frames with speech)."""

    label: str
    samples: FloatArray
    start: int
    end: int
    power: float


def draw_clips(config: ClipSourceConfig, data: Path, rng: np.random.Generator) -> list[Clip]:
    """The clips that a stream takes from a folder, sorted by name.

    Raises `MissingFileError` and `DataError` if there are none or too few.
    """
    folder = data / config.folder
    clips = tuple(scan(folder, config.labels or None))
    if config.part == "held-back":
        clips = by_takes(clips).validation
    elif config.part != "all":
        clips = split_clips(clips, "official").part(config.part)
    if not config.count and clips:
        return list(clips)
    if not 0 < config.count <= len(clips):
        raise DataError(
            f"{folder}: {len(clips)} clips of the {config.part} part, the stream"
            f" needs {config.count or 'some'}"
        )
    chosen = rng.choice(len(clips), config.count, replace=False)
    return [clips[number] for number in sorted(chosen)]


def word_segment(clip: Clip, margin_ms: float | None) -> Segment:
    """A clip: a whole second, or cut to its speech with a margin on either side.

    The speech in the clip gives the word's bounds. A label that is no word takes the whole clip.
    """
    samples = read_audio(clip.path, RATE)
    if margin_ms is None:
        samples = one_window(samples, RATE)
    levels = measure_speech(samples, RATE)
    start, end = levels.bounds
    if not is_keyword(clip.label):
        start, end = 0, len(samples)
    if margin_ms is not None:
        margin = round(margin_ms * RATE / 1000)
        first, last = max(0, start - margin), min(len(samples), end + margin)
        samples = _faded(samples[first:last])
        start, end = start - first, end - first
    return Segment(clip.label, samples, start, end, levels.power)


def speech_segment(config: SpeechConfig, data: Path, rng: np.random.Generator) -> Segment:
    """An excerpt at a random place of a random recording; a shorter recording is taken whole."""
    paths = [
        path
        for path in recordings(data / config.folder)
        if config.part in ("all", official_part(speaker_of(path)))
    ]
    if not paths:
        raise DataError(f"{data / config.folder}: no voices of the {config.part} part")
    samples = read_audio(paths[int(rng.integers(len(paths)))], RATE)
    length = min(len(samples), round(config.seconds * RATE))
    first = int(rng.integers(len(samples) - length + 1))
    samples = _faded(samples[first : first + length])
    return Segment(SPEECH, samples, 0, length, measure_speech(samples, RATE).power)


def recordings(folder: Path) -> list[Path]:
    """The sound files in a folder, at least one. Raises `MissingFileError`, `DataError`."""
    found = audio_files(folder)
    if not found:
        raise DataError(f"{folder}: no sound files in this folder ({', '.join(AUDIO_SUFFIXES)})")
    return found


def _faded(samples: FloatArray) -> FloatArray:
    """A copy, faded in and out so that it begins and ends without a click."""
    length = min(round(FADE_MS * RATE / 1000), len(samples) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))).astype(
        np.float32
    )
    faded = samples.copy()
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded


@dataclass(frozen=True)
class Stream:
    """``samples [n]`` (float32 at `RATE`) and the words in them, in order of time."""

    samples: FloatArray
    words: tuple[SpokenWord, ...]


def compose(config: StreamConfig, data: Path) -> Stream:
    """The stream of a description; ``data`` is the folder that its folders lie in.

    The same description and files give the same samples. Raises `MissingFileError` and
    `DataError` if files are missing.
    """
    rng = np.random.default_rng(config.seed)
    segments = [
        word_segment(clip, config.margin_ms)
        for source in config.clips
        for clip in draw_clips(source, data, rng)
    ]
    for source in config.speech:
        segments += [speech_segment(source, data, rng) for _ in range(source.count)]
    segments = [segments[number] for number in rng.permutation(len(segments))]
    starts, length = _places(segments, config, rng)
    levels = _scene_levels(config, length, rng)
    samples = _background(config, data, length, levels, rng)
    rooms = _scene_rooms(config, len(levels))
    words = []
    for segment, start in zip(segments, starts, strict=True):
        scene = _scene(config, start)
        spoken = segment.samples * _gain(segment.power, levels[scene])
        if (room := rooms[scene]) is not None:
            tail = min(len(room), length - start - len(spoken))
            spoken = reverberate(np.pad(spoken, (0, tail)), room)
        samples[start : start + len(spoken)] += spoken
        times = (start + segment.start) / RATE, (start + segment.end) / RATE
        words.append(SpokenWord(*times, segment.label))
    return Stream(samples, tuple(words))


def _places(
    segments: Sequence[Segment], config: StreamConfig, rng: np.random.Generator
) -> tuple[list[int], int]:
    """The sample at which each segment starts, and the length of the stream."""
    least, most = config.gap_seconds
    gaps = rng.uniform(least, most, len(segments) + 1)  # before each and after the last
    gaps[rng.random(len(gaps)) < config.back_to_back] = 0.0
    starts, at = [], 0
    for segment, gap in zip(segments, gaps[:-1], strict=True):
        at += round(gap * RATE)
        starts.append(at)
        at += len(segment.samples)
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


def _scene_rooms(config: StreamConfig, scenes: int) -> list[FloatArray | None]:
    """The impulse response of each scene; None: as recorded."""
    rng = np.random.default_rng([config.seed, scenes])  # the words are those of a stream without
    return [random_room(rng) if rng.random() < config.rooms else None for _ in range(scenes)]


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


@dataclass(frozen=True)
class StreamFile:
    """A sound file; ``words`` is None without a label track: it contains no keyword."""

    path: Path
    words: tuple[SpokenWord, ...] | None

    @property
    def name(self) -> str:
        return self.path.stem


def write_stream(stream: Stream, name: str, folder: Path) -> Path:
    """Write ``<name>.wav`` (16-bit PCM) and ``<name>.labels.txt``; returns the WAV file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.wav"
    write_wav(path, stream.samples, RATE)
    lines = (f"{word.start:.6f}\t{word.end:.6f}\t{word.label}\n" for word in stream.words)
    path.with_suffix(LABEL_SUFFIXES[0]).write_text("".join(lines), encoding="utf-8")
    return path


def find_streams(paths: Sequence[Path], *, labelled: bool = False) -> list[StreamFile]:
    """The streams in files and folders of files, with their label tracks if they have any.

    ``labelled``: each must have one. Raises `MissingFileError` and `DataError`.
    """
    found = []
    for path in paths:
        if not path.exists():
            raise MissingFileError(f"{path}: No such file or directory")
        for file in recordings(path) if path.is_dir() else [path]:
            track = next((t for s in LABEL_SUFFIXES if (t := file.with_suffix(s)).exists()), None)
            if labelled and not track:
                raise DataError(
                    f"{file}: no label track beside it ({file.with_suffix(LABEL_SUFFIXES[0]).name})"
                )
            words = tuple(read_label_track(track)) if track else None
            found.append(StreamFile(file, words))
    twice = [file.path for file in found if sum(f.path == file.path for f in found) > 1]
    if twice:
        raise DataError(f"{twice[0]}: is given twice")
    return found
