"""Adapt a trained run to the takes of a speaker, of its words or of new ones, and compare."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from kws_edge.errors import ConfigError
from kws_edge.recorder.collection import check_name
from training.config import (
    Attribution,
    OptimizerConfig,
    ScheduleConfig,
    SourceConfig,
    TrainingConfig,
)
from training.data.clips import Clip, scan
from training.data.loading import Examples, features_of
from training.data.material import find_recordings
from training.data.windows import UNKNOWN
from training.stats import wilson_interval
from training.train.run import Run
from training.train.trainer import posteriors

LEAST_TAKES = 5  # of a word: one of them is not trained on
CLIPS_A_WORD = 600  # takes of a word in an epoch, counting repeats
MOST_REPEATS = 50
UNKNOWN_WINDOWS = 3000  # at least, in an epoch: few words must not mean little other speech
SCHEDULE = ScheduleConfig(
    epochs=30, passes=4, warmup_epochs=1, averaging=0.99, label_smoothing=0.05
)
OPTIMIZER = OptimizerConfig(learning_rate=1e-3)


def adapted_config(start: Run, recordings: Path, name: str, only: bool) -> TrainingConfig:
    """The configuration of ``start`` with the takes in ``recordings/<label>/`` as well.

    Labels that it does not know become words of their own; with ``only`` its words are those
    of ``recordings`` and no others, and all that it knew are unknown words. Every fifth take
    is kept for validation. Raises `ConfigError` where there are too few takes for that, for a
    folder whose name can be no label, and for a run without windows.
    """
    base = start.config
    if base.windows is None:
        raise ConfigError(f"{start.folder}: has no windows, and so no unknown words to learn from")
    takes = count_takes(recordings)
    known = () if only else base.data.words
    repeat = max(1, min(MOST_REPEATS, CLIPS_A_WORD // max(takes.values())))
    windows = base.windows
    if only:
        keywords = repeat * sum(takes.values())
        share = (1 - windows.silence_share) * UNKNOWN_WINDOWS / (keywords + UNKNOWN_WINDOWS)
        windows = dataclasses.replace(windows, unknown_share=max(windows.unknown_share, share))
    data = dataclasses.replace(
        base.data,
        words=(*known, *(label for label in takes if label not in known)),
        sources=(*base.data.sources, SourceConfig(recordings.resolve(), "takes", repeat=repeat)),
    )
    return dataclasses.replace(
        base,
        name=name,
        data=data,
        windows=windows,
        teacher=None,
        init_from=start.folder,
        optimizer=OPTIMIZER,
        schedule=SCHEDULE,
        attribution=(*base.attribution, Attribution("recordings of its maker", "not stated")),
    )


def count_takes(recordings: Path) -> dict[str, int]:
    """How many takes of each word are in ``recordings``; see `adapted_config`."""
    takes = Counter(clip.label for clip in scan(recordings) if clip.label[0] != "_")
    for label in takes:
        try:
            check_name(label)
        except ValueError as error:
            raise ConfigError(f"{recordings / label}: cannot be a word: {error}") from error
    few = [f"{label} ({count})" for label, count in takes.items() if count < LEAST_TAKES]
    if few or not takes:
        raise ConfigError(
            f"{recordings}: too few takes of {', '.join(few) or 'any word'}; record at least"
            f" {LEAST_TAKES} of each, better 20 (kws-edge record WORD --count 20), or move"
            " elsewhere what shall be no word"
        )
    return dict(takes)


def summary(start: Run, config: TrainingConfig, recordings: Path) -> str:
    """One line: which words there are now, and which of them have takes."""
    takes = count_takes(recordings)
    new, old = [
        [
            f"{word} ({takes[word]} takes)"
            for word in takes
            if (word in start.config.data.words) is known
        ]
        for known in (False, True)
    ]
    kept = [word for word in config.data.words if word not in takes]
    groups = (("new words", new), ("known words", old), ("as before", kept))
    return "; ".join(f"{what}: {', '.join(words)}" for what, words in groups if words)


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
