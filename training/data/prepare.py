"""Recordings to the examples that a network trains on and is chosen by."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from kws_edge.config.yaml_file import load
from kws_edge.errors import ConfigError
from training.config import CONFIG, TrainingConfig
from training.data.loading import Epochs, Examples, RepeatedEpochs, Report, cached_examples
from training.data.material import Recordings, find_recordings
from training.data.passes import AugmentedEpochs


@dataclass(frozen=True)
class TrainingData:
    """What one training needs, and nothing of where it came from.

    ``validation`` are windows as drawn, ``clips`` the validation clips as recorded; the two are
    the same without windows and augmentation. ``counts`` are the numbers of recordings by part
    and kind. ``tf_clips`` (a `training.data.tf_dataset.TfClips`) takes the place of ``training``
    where plain clips are trained on in TensorFlow. ``of_teachers`` are the same windows as each
    teacher that is a run sees them, with features of its own.
    """

    training: Epochs
    validation: Examples
    clips: Examples
    counts: dict[str, dict[str, int]]
    tf_clips: Any = None
    of_teachers: tuple[Epochs, ...] = ()

    def in_memory(self, report: Report = lambda _: None) -> "TrainingData":
        """The same with all passes drawn, in plain arrays, ready to be sent to a worker."""

        def drawn(epochs: Epochs) -> RepeatedEpochs:
            return RepeatedEpochs(
                [epochs.get(number, report).in_memory() for number in range(epochs.passes)]
            )

        return TrainingData(
            drawn(self.training),
            self.validation.in_memory(),
            self.clips.in_memory(),
            self.counts,
            of_teachers=tuple(map(drawn, self.of_teachers)),
        )


def prepare(
    config: TrainingConfig,
    data: Path,
    cache: Path,
    *,
    split_lists: Path | None = None,
    report: Report = lambda _: None,
    judged_by: TrainingConfig | None = None,
) -> TrainingData:
    """The training data of ``config`` below ``data``; features and windows are kept in ``cache``.

    ``judged_by`` is the configuration whose validation windows count, if not its own: so
    variants with other windows or augmentation are compared on the same ones. The testing part
    is not read. Raises `MissingFileError` and `DataError` for recordings that cannot be used.
    """
    recordings = find_recordings(config, data, split_lists, check_leaks=True, cache=cache)
    counts = recordings.counts()
    if config.plain_clips and judged_by is None:
        plain = _plain_clips(config, recordings, cache)
        seen = _of_teachers(config, plain.training, recordings, cache)
        return dataclasses.replace(plain, of_teachers=seen)
    training = _training(config, recordings, cache)
    taught = _of_teachers(config, training, recordings, cache)
    clips = cached_examples(recordings.validation.named(), config.labels, config.features, cache)
    judge, judged = config, recordings
    if judged_by:
        if (config.windows is None) != (judged_by.windows is None):
            raise ConfigError(f"windows: {config.name} and {judged_by.name} have other labels")
        judge = dataclasses.replace(
            config, windows=judged_by.windows, augmentation=judged_by.augmentation
        )
        judged = find_recordings(judged_by, data, split_lists, cache=cache)
    validation = (
        clips
        if judge.plain_clips
        else AugmentedEpochs(judge, judged, "validation", cache).get(0, report)
    )
    return TrainingData(training, validation, clips, counts, of_teachers=taught)


def _of_teachers(
    config: TrainingConfig, training: Epochs, recordings: Recordings, cache: Path
) -> tuple[Epochs, ...]:
    """What each teacher sees; windows are drawn once for all that share their features."""
    by_features = {config.features: training}
    seen = []
    for folder in config.teacher.runs if config.teacher else ():
        features = load(folder / CONFIG, TrainingConfig).features
        if features not in by_features:
            its = dataclasses.replace(config, features=features)
            by_features[features] = _training(its, recordings, cache)
        seen.append(by_features[features])
    return tuple(seen)


def _training(config: TrainingConfig, recordings: Recordings, cache: Path) -> Epochs:
    if config.plain_clips:
        return _plain_clips(config, recordings, cache).training
    return AugmentedEpochs(config, recordings, "training", cache)


def _plain_clips(config: TrainingConfig, recordings: Recordings, cache: Path) -> TrainingData:
    training, validation = recordings.training.keywords, recordings.validation.keywords
    if keras.backend.backend() == "tensorflow" and config.teacher is None:
        from training.data.tf_dataset import TfClips

        tf_training = TfClips(training, config.labels, config.features)
        clips = TfClips(validation, config.labels, config.features).examples()
        examples = RepeatedEpochs([tf_training.examples()])
        return TrainingData(examples, clips, clips, recordings.counts(), tf_training)
    known = [
        cached_examples(part, config.labels, config.features, cache)
        for part in (training, validation)
    ]
    return TrainingData(RepeatedEpochs(known[:1]), known[1], known[1], recordings.counts())
