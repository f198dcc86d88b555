"""Training of one network on passes of windows, on whichever backend Keras runs."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from kws_edge.types import FloatArray
from training.data.augmentation.spectral import Masks, mask, mixup
from training.data.passes import Windows, one_hot
from training.train.batches import training_batches, validation_batches
from training.train.recipe import Schedule
from training.train.run import History

VALIDATION_BATCH = 512

Soft = Callable[[int], FloatArray]


@dataclass(frozen=True)
class TrainingTask:
    """What a network learns: windows pass by pass (``pass_of`` an epoch's number), and of a
    teacher, if there is one, posteriors ``[n, labels]`` that are ``share`` of the targets."""

    pass_of: Callable[[int], Windows]
    labels: int
    masks: Masks
    mixup: float
    soft: Soft | None = None
    share: float = 0.0


def fit(
    model: keras.Model,
    lesson: TrainingTask,
    validation: Windows,
    schedule: Schedule,
    seed: int,
    report: Callable[[str], None],
) -> History:
    """Train ``model`` in place; validation of each epoch is by the averaged weights."""
    keras.utils.set_random_seed(seed)
    steps = -(-len(lesson.pass_of(0).targets) // schedule.batch_size)
    model.compile(
        loss=keras.losses.CategoricalCrossentropy(),
        optimizer=_optimizer(schedule, steps),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    callbacks: list[keras.callbacks.Callback] = [_Reporter(report, schedule.epochs)]
    if schedule.averaging:
        callbacks.insert(0, keras.callbacks.SwapEMAWeights())
    history: History = model.fit(
        training_batches(_batches(lesson, schedule, seed)),
        steps_per_epoch=steps,
        epochs=schedule.epochs,
        validation_data=validation_batches(
            (
                np.asarray(validation.features, np.float32)[..., None],
                one_hot(validation.targets, lesson.labels, 0),
            ),
            VALIDATION_BATCH,
        ),
        validation_batch_size=VALIDATION_BATCH,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    ).history
    return history


def _optimizer(schedule: Schedule, steps: int) -> keras.optimizers.Optimizer:
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=schedule.learning_rate / 100,
        decay_steps=math.ceil(steps * (schedule.epochs - schedule.warmup_epochs)),
        warmup_target=schedule.learning_rate,
        warmup_steps=math.ceil(steps * schedule.warmup_epochs),
    )
    optimizer = keras.optimizers.AdamW(
        rate,
        weight_decay=schedule.weight_decay,
        use_ema=schedule.averaging > 0,
        ema_momentum=schedule.averaging or 0.99,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _batches(
    lesson: TrainingTask, schedule: Schedule, seed: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Features ``[n, frames, bands, 1]`` and targets ``[n, labels]``, epoch after epoch."""
    random = np.random.default_rng(seed)
    for epoch in range(schedule.epochs):
        windows = lesson.pass_of(epoch)
        features = np.asarray(windows.features, np.float32)
        targets = one_hot(windows.targets, lesson.labels, schedule.label_smoothing)
        if lesson.soft is not None:
            targets = (1 - lesson.share) * targets + lesson.share * lesson.soft(epoch)
        order = random.permutation(len(targets))
        for start in range(0, len(order), schedule.batch_size):
            chosen = order[start : start + schedule.batch_size]
            x = mask(features[chosen], lesson.masks, random)
            x, y = mixup(x, targets[chosen], lesson.mixup, random)
            yield x[..., None], y


class _Reporter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    def __init__(self, report: Callable[[str], None], epochs: int) -> None:
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
