"""Before and after an adaptation: clips that neither network was trained on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from training.config import TrainingConfig
from training.data.clips import Clip
from training.data.examples import Examples
from training.data.loading import features_of
from training.data.material import find_recordings
from training.data.windows import UNKNOWN
from training.stats import wilson_interval
from training.train.run import Run
from training.train.validation import posteriors


def compare(before: Run, after: Run, data: Path, recordings: Path) -> Iterator[str]:
    """Lines that say how many of the takes kept for validation, and of other people's clips of
    the same words, the network knew ``before`` and knows ``after``, and how many of other words
    it takes for one of its words."""
    found = find_recordings(after.config, data).validation
    own = [clip for clip in found.keywords if recordings.resolve() in clip.path.resolve().parents]
    others = [clip for clip in found.keywords if clip not in own]
    old, new = before.network(), after.network()
    for what, chosen in (("own takes", own), ("other people's clips", others)):
        known = [clip for clip in chosen if clip.label in before.config.data.words]
        if known:
            yield f"{what}, before: {_known(old, before.config, known)}"
        if chosen:
            yield f"{what}, after: {_known(new, after.config, chosen)}"
    unknown = [clip for clip in found.others if clip.label not in before.config.data.words]
    if unknown:
        yield f"other words, before: {_fired(old, before.config, unknown)}"
    if found.others:
        yield f"other words, after: {_fired(new, after.config, found.others)}"


def _known(model: keras.Model, config: TrainingConfig, clips: Sequence[Clip]) -> str:
    """By the most likely of all labels, unknown and silence included."""
    targets = np.array([config.labels.index(clip.label) for clip in clips])
    found = posteriors(model, Examples(features_of(clips, config.features), targets))
    right = int((found.argmax(axis=1) == targets).sum())
    lower, upper = wilson_interval(right, len(clips))
    return f"{right} of {len(clips)} known ({right / len(clips):.1%}, {lower:.1%} to {upper:.1%})"


def _fired(model: keras.Model, config: TrainingConfig, clips: Sequence[Clip]) -> str:
    targets = np.full(len(clips), config.labels.index(UNKNOWN))
    found = posteriors(model, Examples(features_of(clips, config.features), targets))
    wrong = int((found[:, : len(config.data.words)].max(axis=1) > 0.5).sum())
    return f"{wrong} of {len(clips)} taken for a word ({wrong / len(clips):.1%})"
