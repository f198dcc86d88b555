"""How good a network is on the validation part: the figures by which recipes are chosen."""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray
from training.data.material import Recordings
from training.data.passes import Windows
from training.data.windows import UNKNOWN
from training.evaluation.predict import features_of
from training.train.recipe import Recipe


@dataclass(frozen=True)
class Measures:
    """Shares, 0 to 1, on validation clips as they were recorded and on windows as drawn.

    ``closed``: clips of words, the most likely of the words alone; ``open``: clips of words
    and of others, all labels; ``fired``: unknown clips of which a word has more than half of
    the posterior. ``windows`` is accuracy on drawn windows, ``windows_fired`` the share of
    unknown and silent ones of which a word has more than half.
    """

    closed: float
    open: float
    fired: float
    windows: float
    windows_fired: float


def clip_windows(recipe: Recipe, recordings: Recordings) -> Windows:
    """The validation clips of words and of others, as they are."""
    part = recordings.validation
    clips = [*part.keywords, *part.others]
    labels = [c.label for c in part.keywords] + [UNKNOWN] * len(part.others)
    targets = np.array([recipe.labels.index(label) for label in labels], np.int64)
    return Windows(features_of(clips, recipe.features), targets)


def measure(model: keras.Model, recipe: Recipe, clips: Windows, drawn: Windows) -> Measures:
    words = len(recipe.words)
    of_clips, of_drawn = posteriors(model, clips), posteriors(model, drawn)
    is_word = clips.targets < words
    closed = of_clips[is_word, :words].argmax(axis=1) == clips.targets[is_word]
    return Measures(
        closed=_share(closed),
        open=_share(of_clips.argmax(axis=1) == clips.targets),
        fired=_share(_fires(of_clips[~is_word], words)),
        windows=_share(of_drawn.argmax(axis=1) == drawn.targets),
        windows_fired=_share(_fires(of_drawn[drawn.targets >= words], words)),
    )


def posteriors(model: keras.Model, windows: Windows) -> FloatArray:
    """``[n, labels]``."""
    rows = [
        np.asarray(model(np.asarray(windows.features[start : start + 512], np.float32)[..., None]))
        for start in range(0, len(windows.targets), 512)
    ]
    return np.concatenate(rows)


def _fires(of_others: FloatArray, words: int) -> npt.NDArray[np.bool_]:
    return of_others[:, :words].max(axis=1, initial=0) > 0.5


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return round(float(hits.mean()), 5) if len(hits) else 0.0
