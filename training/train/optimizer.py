"""The Keras optimizer of a configuration."""

import math

import keras

from training.config import TrainingConfig

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
