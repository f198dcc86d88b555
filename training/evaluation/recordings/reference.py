"""What is usual: the percentiles of each measure over recordings that models are made for."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_edge.errors import DataError, MissingFileError
from training.data.clips import Clip, scan
from training.data.splits import split_clips
from training.evaluation.recordings.measures import NAMES, measure
from training.evaluation.recordings.samples import read_recording
from training.train.provenance import git_commit

SHIPPED = Path(__file__).with_name("reference.json")
PERCENTS = tuple(range(101))


@dataclass(frozen=True)
class Reference:
    """``percentiles`` holds 101 values a measure, from the smallest to the largest.

    ``data`` says what was measured, ``clips`` of how many, ``git_commit`` by which code.
    """

    data: str
    clips: int
    git_commit: str
    percentiles: dict[str, tuple[float, ...]]

    def at(self, name: str, percent: int) -> float:
        """The value that ``percent`` (0 to 100) of the reference do not exceed."""
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
    """Of the validation part (official split) of ``folder/<label>/``.

    Raises `MissingFileError` or `DataError` where there are no such clips.
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
        raise DataError("a measure could be taken of none of the reference's clips: too few")
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
        raise DataError(f"{path}: not a reference of 'field-reference' ({error!r})") from error
    for name, values in percentiles.items():
        if len(values) != len(PERCENTS) or list(values) != sorted(values):
            raise DataError(f"{path}: {name}: expected 101 rising percentiles")
    return reference


def save_reference(reference: Reference, path: Path) -> None:
    """One line a measure, so that a new reference can be compared with the old."""
    lines = [f'  "{n}": {json.dumps(v)}' for n, v in reference.percentiles.items()]
    head = {key: getattr(reference, key) for key in ("data", "clips", "git_commit")}
    text = json.dumps(head)[:-1] + ',\n "percentiles": {\n' + ",\n".join(lines) + "\n }\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
