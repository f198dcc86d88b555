"""Before and after an adaptation: clips that neither network was trained on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from training.dataset.index import Clip
from training.recipe.adapt import Start
from training.recipe.config import Recipe
from training.recipe.material import find_recordings
from training.recipe.passes import Windows
from training.recipe.validation import features_of, posteriors
from training.statistics import wilson_interval


def compare(before: Start, after: Start, data: Path, recordings: Path) -> Iterator[str]:
    """Lines that say how many of the takes kept for validation, and of other people's clips of
    the same words, the network knew ``before`` and knows ``after``."""
    clips = find_recordings(after.recipe, data).validation.keywords
    own = [clip for clip in clips if recordings.resolve() in clip.path.resolve().parents]
    others = [clip for clip in clips if clip not in own]
    networks = before.network(), after.network()
    for what, chosen in (("own takes", own), ("other people's clips", others)):
        old = [clip for clip in chosen if clip.label in before.recipe.words]
        if old:
            yield f"{what}, before: {_known(networks[0], before.recipe, old)}"
        if chosen:
            yield f"{what}, after: {_known(networks[1], after.recipe, chosen)}"


def _known(model: keras.Model, recipe: Recipe, clips: Sequence[Clip]) -> str:
    """By the most likely of all labels, unknown and silence included."""
    targets = np.array([recipe.labels.index(clip.label) for clip in clips])
    found = posteriors(model, Windows(features_of(clips, recipe.features), targets))
    right = int((found.argmax(axis=1) == targets).sum())
    lower, upper = wilson_interval(right, len(clips))
    return f"{right} of {len(clips)} known ({right / len(clips):.1%}, {lower:.1%} to {upper:.1%})"
