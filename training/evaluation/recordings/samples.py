"""Recorded clips through the model, and the reference that their measures are compared with."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_edge.audio.files import AudioReader, one_window, read_audio
from kws_edge.audio.resampling import resample
from kws_edge.errors import DataError, MissingFileError
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.clips import Clip, scan
from training.data.splits import split_clips
from training.evaluation.recordings.measures import NAMES, ClipMeasures, measure
from training.train.run import git_commit

BUNDLED_REFERENCE = Path(__file__).with_name("reference.json")
PERCENTS = tuple(range(101))
LONGEST_CLIP_SECONDS = 60.0  # its measures take 400 KB a second


@dataclass(frozen=True)
class Sample:
    """A clip, its measures, and the label that the model ``predicted`` with its ``score``."""

    clip: Clip
    measures: ClipMeasures
    predicted: str
    score: float

    @property
    def correct(self) -> bool:
        return self.predicted == self.clip.label


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

    Raises `MissingFileError`, and `DataError` for a file that is no audio, or no clip since it is
    longer than `LONGEST_CLIP_SECONDS`.
    """
    with AudioReader(path) as reader:
        rate = reader.sample_rate
    recorded = read_audio(path, rate, LONGEST_CLIP_SECONDS)
    samples = recorded if rate == RATE else resample(recorded, rate, RATE)
    if not len(samples):
        raise DataError(f"{path}: holds no audio ({len(recorded)} samples at {rate} Hz)")
    return samples, recorded


def judge(clip: Clip, classifier: Classifier, front_end: FrontEnd) -> Sample:
    """Measure a clip; classify its loudest window, zero-padded at the end, as ``predict`` does."""
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


@dataclass(frozen=True)
class Reference:
    """``percentiles`` holds 101 values a measure, from the smallest to the largest.

    ``data`` names the recordings, ``clips`` is their number, ``git_commit`` the measuring code.
    """

    data: str
    clips: int
    git_commit: str
    percentiles: dict[str, tuple[float, ...]]

    def at(self, name: str, percent: int) -> float:
        """The value that ``percent`` (0 to 100) percent of the reference do not exceed."""
        return self.percentiles[name][percent]

    def percent_of(self, name: str, value: float) -> float:
        """How many percent of the reference are below ``value``."""
        values = self.percentiles[name]
        below, upto = (
            np.searchsorted(values, value, "left"),
            np.searchsorted(values, value, "right"),
        )
        if below == upto:  # between two of them
            return float(np.interp(value, values, PERCENTS))
        return float(PERCENTS[below])


def measure_reference(folder: Path, progress: Callable[[Sequence[Clip]], Any] = iter) -> Reference:
    """Measure the validation part (official split) of ``folder/<label>/``.

    Raises `MissingFileError` or `DataError` if there are no such clips.
    """
    clips = split_clips(scan(folder), "official").validation
    if not clips:
        raise DataError(f"{folder}: no clips in the validation part of the official split")
    found = [measure(*read_recording(clip.path)) for clip in progress(clips)]
    percentiles = {
        name: _percentiles([v for values in found if (v := getattr(values, name)) is not None])
        for name in NAMES
    }
    return Reference(f"{folder.name}, validation part", len(clips), git_commit(), percentiles)


def _percentiles(values: list[float]) -> tuple[float, ...]:
    if not values:
        raise DataError("no clip of the reference allows one of the measures: use more clips")
    return tuple(float(f"{value:.6g}") for value in np.percentile(values, PERCENTS))


def load_reference(path: Path) -> Reference:
    """A file made by `save_reference`. Raises `MissingFileError`, `DataError`."""
    try:
        content = json.loads(path.read_text())
        percentiles = {name: tuple(map(float, content["percentiles"][name])) for name in NAMES}
        reference = Reference(
            str(content["data"]), int(content["clips"]), str(content["git_commit"]), percentiles
        )
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a reference of 'evaluate reference' ({error!r})") from error
    for name, values in percentiles.items():
        if len(values) != len(PERCENTS) or list(values) != sorted(values):
            raise DataError(f"{path}: {name}: expected 101 rising percentiles")
    return reference


def save_reference(reference: Reference, path: Path) -> None:
    """Write one line per measure, so that a diff shows how a new reference differs."""
    lines = [f'  "{n}": {json.dumps(v)}' for n, v in reference.percentiles.items()]
    head = {key: getattr(reference, key) for key in ("data", "clips", "git_commit")}
    text = json.dumps(head)[:-1] + ',\n "percentiles": {\n' + ",\n".join(lines) + "\n }\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
