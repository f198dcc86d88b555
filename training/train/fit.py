"""From prepared examples to trained weights and their figures: one training, in memory."""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from kws_edge.errors import ConfigError
from training.config import NetworkConfig, TrainingConfig
from training.data.examples import Report
from training.data.prepare import TrainingData
from training.networks.network import multiply_accumulates, network, uncompiled
from training.train.distillation import load_teachers, soft_targets
from training.train.provenance import library_versions
from training.train.result import History, TrainingResult
from training.train.run import WEIGHTS, load_run
from training.train.trainer import fit_network
from training.train.validation import Measures, measure

Initialise = Callable[[keras.Model], None]


def fit(
    config: TrainingConfig, data: TrainingData, report: Report = lambda _: None
) -> TrainingResult:
    """Train the teacher, where ``config`` has a network for one, and then the network.

    Reads no recordings, so that a worker on another machine can do it; a teacher's runs and
    ``init_from`` are read from the disk. ``report`` receives a line for each epoch. The metrics
    have ``validation`` (`Measures`) and, as one figure to choose by, ``validation_accuracy``.
    """
    teachers, initialise = load_teachers(config), _initialiser(config)
    started = time.monotonic()
    if config.teacher and config.teacher.network:
        teachers = [_train(_of_teacher(config, config.teacher.network), data, report)[0]]
    model, history, measures = _train(config, data, report, teachers, initialise)
    metrics = {
        "seconds": round(time.monotonic() - started, 1),
        "parameters": model.count_params(),
        "multiply_accumulates": multiply_accumulates(model),
        "validation_accuracy": measures.open_set_accuracy,
        "validation": dataclasses.asdict(measures),
        "examples": len(data.training.get(0).targets),
        "clips": data.counts,
        **library_versions(),
    }
    return TrainingResult(metrics, history, weights_of(uncompiled(model, config)))


def weights_of(model: keras.Model) -> bytes:
    """The weights as the content of a ``.weights.h5`` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS
        model.save_weights(path)
        return path.read_bytes()


def _train(
    config: TrainingConfig,
    data: TrainingData,
    report: Report,
    teachers: Sequence[keras.Model] = (),
    initialise: Initialise = lambda _: None,
) -> tuple[keras.Model, History, Measures]:
    keras.utils.set_random_seed(config.training_seed)  # draws the first weights
    model = network(config)
    initialise(model)
    chosen = config.network
    width = "" if chosen.width is None else f", width {chosen.width}"
    report(f"{chosen.architecture}{width}: {model.count_params()} parameters")
    soft = soft_targets(teachers, data.training) if teachers else None
    history = fit_network(model, config, data, report, soft)
    drawn = None if data.validation is data.clips else data.validation
    measures = measure(model, config, data.clips, drawn)
    report(f"validation: {measures}")
    return model, history, measures


def _of_teacher(config: TrainingConfig, teacher: NetworkConfig) -> TrainingConfig:
    epochs = config.teacher.epochs if config.teacher else config.schedule.epochs
    schedule = dataclasses.replace(config.schedule, epochs=epochs)
    return dataclasses.replace(config.with_network(teacher), schedule=schedule, teacher=None)


def _initialiser(config: TrainingConfig) -> Initialise:
    if config.init_from is None:
        return lambda _: None
    run = load_run(config.init_from)
    for what in ("features", "network"):
        if getattr(run.config, what) != getattr(config, what):
            raise ConfigError(f"init_from: {run.folder} has other {what} than {config.name}")
    return lambda model: run.initialise(model, config.labels)
