"""Before and after an adaptation: clips that neither network was trained on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from training.data.clips import Clip
from training.data.material import find_recordings
from training.data.passes import Windows
from training.data.windows import UNKNOWN
from training.evaluation.predict import features_of
from training.stats import wilson_interval
from training.train.recipe import Recipe
from training.train.start import Start
from training.train.validation import posteriors


def compare(before: Start, after: Start, data: Path, recordings: Path) -> Iterator[str]:
    """Lines that say how many of the takes kept for validation, and of other people's clips of
    the same words, the network knew ``before`` and knows ``after``, and how many of other words
    it takes for one of its words."""
    found = find_recordings(after.recipe, data).validation
    own = [clip for clip in found.keywords if recordings.resolve() in clip.path.resolve().parents]
    others = [clip for clip in found.keywords if clip not in own]
    old, new = before.network(), after.network()
    for what, chosen in (("own takes", own), ("other people's clips", others)):
        known = [clip for clip in chosen if clip.label in before.recipe.words]
        if known:
            yield f"{what}, before: {_known(old, before.recipe, known)}"
        if chosen:
            yield f"{what}, after: {_known(new, after.recipe, chosen)}"
    unknown = [clip for clip in found.others if clip.label not in before.recipe.words]
    if unknown:
        yield f"other words, before: {_fired(old, before.recipe, unknown)}"
    if found.others:
        yield f"other words, after: {_fired(new, after.recipe, found.others)}"


def _known(model: keras.Model, recipe: Recipe, clips: Sequence[Clip]) -> str:
    """By the most likely of all labels, unknown and silence included."""
    targets = np.array([recipe.labels.index(clip.label) for clip in clips])
    found = posteriors(model, Windows(features_of(clips, recipe.features), targets))
    right = int((found.argmax(axis=1) == targets).sum())
    lower, upper = wilson_interval(right, len(clips))
    return f"{right} of {len(clips)} known ({right / len(clips):.1%}, {lower:.1%} to {upper:.1%})"


def _fired(model: keras.Model, recipe: Recipe, clips: Sequence[Clip]) -> str:
    targets = np.full(len(clips), recipe.labels.index(UNKNOWN))
    found = posteriors(model, Windows(features_of(clips, recipe.features), targets))
    wrong = int((found[:, : len(recipe.words)].max(axis=1) > 0.5).sum())
    return f"{wrong} of {len(clips)} taken for a word ({wrong / len(clips):.1%})"
