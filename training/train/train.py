"""One training: from a configuration to trained weights in memory, or to a run folder."""

import dataclasses
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kws_edge.errors import ConfigError
from kws_edge.types import FloatArray
from training.config import NetworkConfig, TrainingConfig, as_document
from training.data.loading import Epochs, Examples, Report, features_of, targets_of
from training.data.material import find_recordings
from training.data.prepare import TrainingData, prepare
from training.networks.layers import freeze
from training.networks.network import multiply_accumulates, network, uncompiled
from training.networks.registry import begin_pretrained
from training.train.checkpoint import Checkpoint
from training.train.run import (
    CALIBRATION,
    WEIGHTS,
    History,
    Run,
    TrainingResult,
    git_commit,
    library_versions,
    load_run,
    new_folder,
    partial_folder,
    write_run_files,
)
from training.train.trainer import SoftTargets, ValidationMeasures, fit_network, measure, posteriors


def load_teachers(config: TrainingConfig) -> list[keras.Model]:
    """The trained networks that ``config`` names as its teachers.

    Raises `MissingFileError`, and `ConfigError` for one with other labels, or windows of another
    length: their features may differ.
    """
    teachers = []
    for folder in config.teacher.runs if config.teacher else ():
        run = load_run(folder)
        if run.config.labels != config.labels:
            raise ConfigError(f"{folder}: a teacher with other labels than {config.name}'s")
        window, its = config.features.window_ms, run.config.features.window_ms
        if its != window:
            raise ConfigError(f"{folder}: a teacher of windows of {its:g} ms, not {window:g}")
        teachers.append(run.network())
    return teachers


def soft_targets(teachers: Sequence[keras.Model], epochs: Sequence[Epochs]) -> SoftTargets:
    """The mean posteriors of ``teachers`` by epoch, computed once for each pass; ``epochs`` as each
    of them sees them."""
    known: dict[int, FloatArray] = {}

    def soft(epoch: int) -> FloatArray:
        number = epoch % epochs[0].passes
        if number not in known:
            pairs = zip(teachers, epochs, strict=True)
            found = [posteriors(teacher, seen.get(number)) for teacher, seen in pairs]
            known[number] = np.mean(found, axis=0)
        return known[number]

    return soft


Initialise = Callable[[keras.Model], None]


def fit(
    config: TrainingConfig,
    data: TrainingData,
    report: Report = lambda _: None,
    checkpoints: Path | None = None,
) -> TrainingResult:
    """Train the teacher, where ``config`` has a network for one, and then the network.

    Reads no recordings, so that a worker on another machine can do it; a teacher's runs and
    ``init_from`` are read from the disk. ``report`` receives a line for each epoch. A training that
    finds its own earlier epochs in the folder ``checkpoints`` goes on after them. The metrics
    have ``validation`` (`ValidationMeasures`) and, as one figure to choose by,
    ``validation_accuracy``.
    """
    teachers, initialise = load_teachers(config), _initialiser(config)
    started = time.monotonic()
    if config.teacher and config.teacher.network:
        own = _of_teacher(config, config.teacher.network)
        kept = Checkpoint(checkpoints / "teacher") if checkpoints else None
        teachers = [_train(own, data, report, _initialiser(own), checkpoint=kept)[0]]
    kept = Checkpoint(checkpoints / "network") if checkpoints else None
    model, history, measures = _train(config, data, report, initialise, teachers, kept)
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
    initialise: Initialise,
    teachers: Sequence[keras.Model] = (),
    checkpoint: Checkpoint | None = None,
) -> tuple[keras.Model, History, ValidationMeasures]:
    keras.utils.set_random_seed(config.training_seed)  # draws the first weights
    model = network(config)
    initialise(model)
    chosen = config.network
    width = "" if chosen.width is None else f", width {chosen.width}"
    report(f"{chosen.architecture}{width}: {model.count_params()} parameters")
    seen = data.of_teachers or [data.training] * len(teachers)
    soft = soft_targets(teachers, seen) if teachers else None
    history = fit_network(model, config, data, report, soft, checkpoint)
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
        chosen = config.network
        return lambda model: begin_pretrained(chosen.architecture, model, chosen.frozen)
    run, frozen = load_run(config.init_from), config.network.frozen
    features = dataclasses.replace(run.config.features, window_ms=config.features.window_ms)
    network = dataclasses.replace(run.config.network, frozen=frozen)
    for what, found in (("features", features), ("network", network)):
        if getattr(config, what) != found:
            raise ConfigError(f"init_from: {run.folder} has other {what} than {config.name}")

    def initialise(model: keras.Model) -> None:
        run.initialise(model, config.labels)
        freeze(model, frozen)

    return initialise


CALIBRATION_WINDOWS = 600


def train(
    config: TrainingConfig,
    data: Path,
    output: Path,
    *,
    cache: Path,
    split_lists: Path | None = None,
    report: Report = lambda _: None,
    judged_by: TrainingConfig | None = None,
    test: bool = False,
) -> Path:
    """Train as ``config`` says on the recordings below ``data``; the new run below ``output``.

    The folder appears under its name only when it is complete. Features and windows are kept in
    ``cache``, and so are checkpoints: a training that was stopped goes on after its last whole
    epoch when it is started again, from the same commit. ``judged_by``: see
    `training.data.prepare.prepare`. Only with ``test`` is the testing part read, once, after
    training; its figures are ``metrics["testing"]``.

    Raises `MissingFileError` and `DataError` for recordings that cannot be used, `ConfigError`
    for a teacher or a run to start from that does not fit.
    """
    commit = git_commit()  # of the code as loaded, not as it is an hour later
    prepared = prepare(
        config, data, cache, split_lists=split_lists, report=report, judged_by=judged_by
    )
    checkpoints = cache / f"checkpoints-{_key(config, prepared, commit)}"
    trained = fit(config, prepared, report, checkpoints)
    run = Run(partial_folder(output, config.name), config)
    _write_network(run, trained, prepared)
    metrics = {**trained.metrics, "git_commit": commit}
    if test:
        metrics["testing"] = _tested(run, data, split_lists)
    write_run_files(run.folder, config, trained.history, metrics)
    shutil.rmtree(checkpoints)
    return new_folder(run.folder, output, config.name)


def _write_network(run: Run, trained: TrainingResult, data: TrainingData) -> None:
    """The weights, and what `export` wants beside them."""
    run.folder.mkdir()
    (run.folder / WEIGHTS).write_bytes(trained.weights)
    if not run.config.plain_clips:
        windows = data.training.get(0).features[:CALIBRATION_WINDOWS]
        np.save(run.folder / CALIBRATION, np.asarray(windows, np.float32))
    if keras.backend.backend() == "tensorflow":  # else `export` makes the SavedModel
        run.export_saved_model()


def _key(config: TrainingConfig, data: TrainingData, commit: str) -> str:
    """Of one training, so that it finds its own checkpoints and no other's."""
    settings = [as_document(config), data.counts, commit, keras.backend.backend()]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]


def _tested(run: Run, data: Path, split_lists: Path | None) -> dict[str, Any]:
    """The figures of the testing part."""
    config = run.config
    clips = find_recordings(config, data, split_lists).testing.named()
    examples = Examples(features_of(clips, config.features), targets_of(clips, config.labels))
    measures = measure(run.network(), config, examples)
    return {"clips": len(clips), **dataclasses.asdict(measures)}
