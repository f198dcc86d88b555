"""What a stream is put together from: words and excerpts of speech, cut out of files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.audio.files import AUDIO_SUFFIXES, audio_files, one_window, read_audio
from kws_edge.audio.speech_level import measure_speech
from kws_edge.detection.detector import is_keyword
from kws_edge.errors import DataError
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.clips import Clip, scan
from training.data.splits import split_clips
from training.evaluation.streams.config import ClipsConfig, SpeechConfig

FADE_MS = 10.0
SPEECH = "_speech_"


@dataclass(frozen=True)
class Piece:
    """``samples [n]`` (float32 at `RATE`) in which ``label`` is spoken from sample ``start`` to
    ``end``, at ``power`` (mean square of the frames with speech)."""

    label: str
    samples: FloatArray
    start: int
    end: int
    power: float


def draw_clips(config: ClipsConfig, data: Path, rng: np.random.Generator) -> list[Clip]:
    """The clips that a stream takes of a folder, sorted by name.

    Raises `MissingFileError` and `DataError` where there are none or too few.
    """
    folder = data / config.folder
    clips = tuple(scan(folder, config.labels or None))
    if config.part != "all":
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


def word_piece(clip: Clip, margin_ms: float | None) -> Piece:
    """A clip, whole (one second) or cut to its speech with a margin on either side.

    Where the word lies is told by the speech in the clip, not by the clip's borders; but of a
    label that is no word by the latter.
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
    return Piece(clip.label, samples, start, end, levels.power)


def speech_piece(config: SpeechConfig, data: Path, rng: np.random.Generator) -> Piece:
    """An excerpt at a random place of a random recording; all of one that is shorter."""
    paths = recordings(data / config.folder)
    samples = read_audio(paths[int(rng.integers(len(paths)))], RATE)
    length = min(len(samples), round(config.seconds * RATE))
    first = int(rng.integers(len(samples) - length + 1))
    samples = _faded(samples[first : first + length])
    return Piece(SPEECH, samples, 0, length, measure_speech(samples, RATE).power)


def recordings(folder: Path) -> list[Path]:
    """The sound files in a folder, at least one. Raises `MissingFileError`, `DataError`."""
    found = audio_files(folder)
    if not found:
        raise DataError(f"{folder}: no {', '.join(AUDIO_SUFFIXES)} files in this folder")
    return found


def _faded(samples: FloatArray) -> FloatArray:
    """A copy that begins and ends without a click."""
    length = min(round(FADE_MS * RATE / 1000), len(samples) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))).astype(
        np.float32
    )
    faded = samples.copy()
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded
