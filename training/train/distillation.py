"""Teachers: trained networks whose posteriors are part of the training targets."""

from collections.abc import Sequence

import keras
import numpy as np

from kws_edge.errors import ConfigError
from kws_edge.types import FloatArray
from training.config import TrainingConfig
from training.data.examples import Epochs
from training.train.run import load_run
from training.train.trainer import SoftTargets
from training.train.validation import posteriors


def load_teachers(config: TrainingConfig) -> list[keras.Model]:
    """The trained networks that ``config`` names as its teachers.

    Raises `MissingFileError`, and `ConfigError` for one with other features or labels.
    """
    teachers = []
    for folder in config.teacher.runs if config.teacher else ():
        run = load_run(folder)
        for what in ("features", "labels"):
            if getattr(run.config, what) != getattr(config, what):
                raise ConfigError(f"{folder}: a teacher with other {what} than {config.name}'s")
        teachers.append(run.network())
    return teachers


def soft_targets(teachers: Sequence[keras.Model], epochs: Epochs) -> SoftTargets:
    """The mean posteriors of ``teachers`` by epoch, computed once for each pass."""
    known: dict[int, FloatArray] = {}

    def soft(epoch: int) -> FloatArray:
        number = epoch % epochs.passes
        if number not in known:
            examples = epochs.get(number)
            known[number] = np.mean([posteriors(one, examples) for one in teachers], axis=0)
        return known[number]

    return soft
