"""The fit loop: one network on prepared examples, on whichever backend Keras runs.

Nothing here imports TensorFlow unless Keras runs on it, so that a machine without it can train.
The order of the examples is NumPy's and so the same on every backend, except for plain clips in
TensorFlow, which tf.data shuffles.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray
from training.config import TrainingConfig
from training.data.augmentation.spectral import mask, mixup
from training.data.loading import Examples, Report, one_hot
from training.data.prepare import TrainingData
from training.train.checkpoint import Checkpoint, KeepsCheckpoints
from training.train.run import History

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


POSTERIORS_BATCH = 512


def posteriors(model: keras.Model, examples: Examples) -> FloatArray:
    """``[n, labels]``."""
    count = len(examples.targets)
    rows = []
    for start in range(0, count, POSTERIORS_BATCH):
        x = np.asarray(examples.features[start : start + POSTERIORS_BATCH], np.float32)[..., None]
        missing = POSTERIORS_BATCH - len(x) if count > POSTERIORS_BATCH else 0
        x = np.pad(x, [(0, missing), (0, 0), (0, 0), (0, 0)])  # another size compiles anew
        rows.append(np.asarray(model.predict_on_batch(x)))
    return np.concatenate(rows)[:count]


def _fires(of_others: FloatArray, words: int) -> npt.NDArray[np.bool_]:
    return of_others[:, :words].max(axis=1, initial=0) > FIRES


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return round(float(hits.mean()), 5)


WARMUP_START = 0.01  # of the learning rate


def make_optimizer(config: TrainingConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Adam or AdamW with its learning rate schedule, for the epochs of ``config``."""
    settings, schedule = config.optimizer, config.schedule
    averaging = {"use_ema": schedule.averaging > 0, "ema_momentum": schedule.averaging or 0.99}
    rate = _learning_rate(config, steps_per_epoch)
    if settings.kind == "adam":
        return keras.optimizers.Adam(rate, **averaging)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, **averaging)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _learning_rate(
    config: TrainingConfig, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    settings, schedule = config.optimizer, config.schedule
    if settings.decay == "linear":
        return keras.optimizers.schedules.PolynomialDecay(
            settings.learning_rate, steps_per_epoch * schedule.epochs, settings.end_learning_rate
        )
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=settings.learning_rate * WARMUP_START,
        decay_steps=math.ceil(steps_per_epoch * (schedule.epochs - schedule.warmup_epochs)),
        alpha=settings.end_learning_rate / settings.learning_rate,
        warmup_target=settings.learning_rate,
        warmup_steps=math.ceil(steps_per_epoch * schedule.warmup_epochs),
    )


VALIDATION_BATCH = 512

# Posteriors of a teacher, [n, labels], by the number of an epoch.
SoftTargets = Callable[[int], FloatArray]


def fit_network(
    model: keras.Model,
    config: TrainingConfig,
    data: TrainingData,
    report: Report,
    soft_targets: SoftTargets | None = None,
    checkpoint: Checkpoint | None = None,
) -> History:
    """Train ``model`` in place; the averaged weights are validated after each epoch, and kept.

    Goes on after the epochs of ``checkpoint``, which also keeps those that follow. Returns loss and
    accuracy, and both on ``data.validation``, by epoch.
    """
    schedule = config.schedule
    keras.utils.set_random_seed(config.training_seed)
    steps = -(-len(data.training.get(0, report).targets) // schedule.batch_size)
    model.compile(
        loss=keras.losses.CategoricalCrossentropy(),
        optimizer=make_optimizer(config, steps),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    first = _epochs_before(model, checkpoint, report)
    if checkpoint and first == schedule.epochs:  # stopped after the last one
        model.optimizer.finalize_variable_values(model.trainable_variables)
        return checkpoint.history
    history: History = model.fit(
        _training_batches(config, data, report, soft_targets, first),
        # tf.data starts anew in each epoch; the other batches go on through all epochs
        steps_per_epoch=None if _uses_tf_clips(data, soft_targets) else steps,
        epochs=schedule.epochs,
        initial_epoch=first,
        validation_data=_validation_batches(data.validation, len(config.labels)),
        validation_batch_size=VALIDATION_BATCH,
        callbacks=_callbacks(config, report, checkpoint),
        shuffle=False,  # the batches are shuffled
        verbose=0,
    ).history
    return checkpoint.history if checkpoint else history


def _epochs_before(model: keras.Model, checkpoint: Checkpoint | None, report: Report) -> int:
    """Give ``model`` the state of ``checkpoint``; how many epochs led to it."""
    if checkpoint is None:
        return 0
    checkpoint.load_into(model)
    if checkpoint.epochs:
        report(f"going on after epoch {checkpoint.epochs}")
    return checkpoint.epochs


def _callbacks(
    config: TrainingConfig, report: Report, checkpoint: Checkpoint | None
) -> list[keras.callbacks.Callback]:
    averages = [keras.callbacks.SwapEMAWeights()] if config.schedule.averaging else []
    keeps = [KeepsCheckpoints(checkpoint)] if checkpoint else []
    return [*averages, *keeps, _Reporter(report, config.schedule.epochs)]


def _uses_tf_clips(data: TrainingData, soft_targets: SoftTargets | None) -> bool:
    return data.tf_clips is not None and soft_targets is None


def _training_batches(
    config: TrainingConfig,
    data: TrainingData,
    report: Report,
    soft_targets: SoftTargets | None,
    first_epoch: int,
) -> Any:
    """The batches of a training, as `keras.Model.fit` takes them."""
    schedule = config.schedule
    if _uses_tf_clips(data, soft_targets):
        return data.tf_clips.training_batches(
            schedule.batch_size, schedule.label_smoothing, config.training_seed
        )
    batches = _batches(config, data, report, soft_targets, first_epoch)
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    from training.data.tf_dataset import untuned

    first = next(batches)
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in first)
    dataset = tf.data.Dataset.from_generator(
        lambda: chain([first], batches), output_signature=signature
    )
    return untuned(dataset.prefetch(2))


def _batches(
    config: TrainingConfig,
    data: TrainingData,
    report: Report,
    soft_targets: SoftTargets | None,
    first_epoch: int,
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Features ``[n, frames, bands, 1]`` and targets ``[n, labels]``, epoch after epoch."""
    schedule, effects = config.schedule, config.effects
    for epoch in range(first_epoch, schedule.epochs):
        random = np.random.default_rng([config.training_seed, epoch])
        examples = data.training.get(epoch, report)
        features = np.asarray(examples.features, np.float32)
        targets = one_hot(examples.targets, len(config.labels), schedule.label_smoothing)
        if soft_targets is not None and config.teacher:
            share = config.teacher.share
            targets = (1 - share) * targets + share * soft_targets(epoch)
        order = random.permutation(len(targets))
        for start in range(0, len(order), schedule.batch_size):
            chosen = order[start : start + schedule.batch_size]
            x = mask(features[chosen], effects.masks, random)
            x, y = mixup(x, targets[chosen], effects.mixup, random)
            yield x[..., None], y


def _validation_batches(examples: Examples, labels: int) -> Any:
    """``examples`` in their order, anew in each epoch."""
    pair = (
        np.asarray(examples.features, np.float32)[..., None],
        one_hot(examples.targets, labels, 0),
    )
    if keras.backend.backend() != "tensorflow":
        return pair
    import tensorflow as tf

    from training.data.tf_dataset import untuned

    return untuned(tf.data.Dataset.from_tensor_slices(pair).batch(VALIDATION_BATCH))


class _Reporter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    def __init__(self, report: Report, epochs: int) -> None:
        super().__init__()
        self._report, self._epochs = report, epochs

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._report(
            f"epoch {epoch + 1}/{self._epochs}: loss {logs['loss']:.4f},"
            f" accuracy {logs['accuracy']:.2%}, validation {logs['val_accuracy']:.2%}"
            f" ({time.monotonic() - self._started:.1f} s)"
        )
