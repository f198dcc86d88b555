"""How good a network is on one part of the data: the figures by which networks are chosen."""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray
from training.config import TrainingConfig
from training.data.examples import Examples

FIRES = 0.5  # of the posterior: more, and a word counts as detected


@dataclass(frozen=True)
class ValidationMeasures:
    """Shares, 0 to 1, on clips as recorded and on windows as drawn; None where there are none.

    ``closed_set_accuracy``: clips of words, the most likely of the words alone;
    ``open_set_accuracy``: clips of words and of others, all labels; ``false_accept_rate``:
    unknown clips of which a word has more than half of the posterior. ``window_accuracy`` and
    ``window_false_accept_rate`` are accuracy on drawn windows and the share of unknown and
    silent ones of which a word has more than half. A network of words alone has one accuracy,
    which is both.
    """

    closed_set_accuracy: float
    open_set_accuracy: float
    false_accept_rate: float | None = None
    window_accuracy: float | None = None
    window_false_accept_rate: float | None = None

    def __str__(self) -> str:
        return ", ".join(
            f"{name.replace('_', ' ')} {value:.2%}"
            for name, value in vars(self).items()
            if value is not None
        )


def measure(
    model: keras.Model, config: TrainingConfig, clips: Examples, drawn: Examples | None = None
) -> ValidationMeasures:
    """Measure ``model`` on ``clips`` and on windows ``drawn``, where these are others."""
    words = len(config.data.words)
    of_clips = posteriors(model, clips)
    is_word = clips.targets < words
    closed = of_clips[is_word, :words].argmax(axis=1) == clips.targets[is_word]
    measures = ValidationMeasures(
        _share(closed),
        _share(of_clips.argmax(axis=1) == clips.targets),
        _share(_fires(of_clips[~is_word], words)) if not is_word.all() else None,
    )
    if drawn is None:
        return measures
    of_drawn, unknown = posteriors(model, drawn), drawn.targets >= words
    return ValidationMeasures(
        measures.closed_set_accuracy,
        measures.open_set_accuracy,
        measures.false_accept_rate,
        _share(of_drawn.argmax(axis=1) == drawn.targets),
        _share(_fires(of_drawn[unknown], words)) if unknown.any() else None,
    )


def posteriors(model: keras.Model, examples: Examples) -> FloatArray:
    """``[n, labels]``."""
    rows = [
        np.asarray(model(np.asarray(examples.features[start : start + 512], np.float32)[..., None]))
        for start in range(0, len(examples.targets), 512)
    ]
    return np.concatenate(rows)


def _fires(of_others: FloatArray, words: int) -> npt.NDArray[np.bool_]:
    return of_others[:, :words].max(axis=1, initial=0) > FIRES


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return round(float(hits.mean()), 5)
