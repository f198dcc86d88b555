"""Recorded samples: found, read, measured, and put before the model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.audio.files import one_window, open_audio, read_audio, resample
from kws_edge.errors import DataError, MissingFileError
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.clips import Clip, scan
from training.evaluation.recordings.measures import Measures, measure


@dataclass(frozen=True)
class Sample:
    """A clip, what is measured of it, and what the model ``heard`` with which ``score``."""

    clip: Clip
    measures: Measures
    heard: str
    score: float

    @property
    def correct(self) -> bool:
        return self.heard == self.clip.label


def find_samples(folder: Path, keywords: tuple[str, ...]) -> tuple[list[Clip], dict[str, int]]:
    """The clips in ``folder/<keyword>/`` of the model's ``keywords``, and how many clips lie in
    folders of other names: ``_unknown_`` and ``_silence_`` hold no word that could be measured.

    Raises `MissingFileError` without the folder, `DataError` without a clip to judge.
    """
    if not folder.is_dir():
        raise MissingFileError(f"{folder}: no such folder; expected FOLDER/<label>/*.wav")
    clips, others = [], dict[str, int]()
    for clip in scan(folder):
        if clip.label in keywords:
            clips.append(clip)
        else:
            others[clip.label] = others.get(clip.label, 0) + 1
    if not clips:
        raise DataError(
            f"{folder}: found {', '.join(others)}, but no folder named after a"
            f" keyword of the model ({', '.join(keywords)})"
        )
    return clips, others


def read_recording(path: Path) -> tuple[FloatArray, FloatArray]:
    """A clip at `RATE` and as it was recorded, channels averaged: float32 ``[samples]`` each.

    Raises `MissingFileError`, and `DataError` for what is no audio.
    """
    with open_audio(path) as file:
        rate = file.samplerate
    recorded = read_audio(path, rate)
    if not np.isfinite(recorded).all():
        raise DataError(f"{path}: holds samples that are not numbers")
    samples = recorded if rate == RATE else resample(recorded, rate, RATE)
    if not len(samples):
        raise DataError(f"{path}: holds no audio ({len(recorded)} samples at {rate} Hz)")
    return samples, recorded


def judge(clip: Clip, classifier: Classifier, front_end: FrontEnd) -> Sample:
    """Run the model as ``predict`` does: on the loudest window, or zero-padded at the end."""
    config = front_end.config
    samples, recorded = read_recording(clip.path)
    audio = samples
    if config.sample_rate != RATE:
        audio = read_audio(clip.path, config.sample_rate)
    posteriors = classifier(front_end(one_window(audio, config.window_samples)))
    best = int(np.argmax(posteriors))
    return Sample(
        clip,
        measure(samples, recorded, config.window_ms / 1000),
        classifier.manifest.labels[best],
        float(posteriors[best]),
    )
