"""Train a network and keep it as a SavedModel, with all that made it."""

import time
from pathlib import Path
from typing import Any

import keras

from training.config import RunConfig
from training.data.loading import load_split
from training.data.splits import PARTS
from training.data.tf_dataset import make_dataset
from training.networks.build import build
from training.train.provenance import git_commit, library_versions
from training.train.run import History, new_folder, partial_folder, write_run_files


def train(
    config: RunConfig,
    data: Path,
    output: Path,
    *,
    split_lists: Path | None = None,
    verbose: int = 1,
) -> Path:
    """Train as ``config`` says on the clips below ``data``; the new folder below ``output``.

    It holds the SavedModel, ``config.yaml``, ``history.csv`` and ``metrics.json``, and
    appears under its name only when it is complete.
    """
    # of the code as loaded, not as it is an hour later
    provenance = {"git_commit": git_commit(), **library_versions()}
    split = load_split(config, data, split_lists)
    keras.utils.set_random_seed(config.seed)
    batches = {
        part: make_dataset(
            split.part(part),
            config.labels,
            config.features,
            batch_size=config.optimizer.batch_size,
            shuffle_seed=config.seed if part == "training" else None,
        )
        for part in PARTS
    }
    model = build(config, steps=config.optimizer.epochs * len(batches["training"]))
    started = time.monotonic()
    history = model.fit(
        batches["training"],
        validation_data=batches["validation"],
        epochs=config.optimizer.epochs,
        shuffle=False,  # the data set shuffles itself
        verbose=verbose,
    ).history
    metrics = {
        "seconds": round(time.monotonic() - started, 1),
        "parameters": model.count_params(),
        "clips": {part: len(split.part(part)) for part in PARTS},
        "validation_accuracy": history["val_sparse_categorical_accuracy"][-1],
        **provenance,
    }
    if config.test:
        metrics["testing_accuracy"] = model.evaluate(batches["testing"], verbose=0)[1]
    return _save(model, config, history, metrics, output)


def _save(
    model: keras.Model,
    config: RunConfig,
    history: History,
    metrics: dict[str, Any],
    output: Path,
) -> Path:
    partial = partial_folder(output, config.name)
    model.export(partial, verbose=False)
    write_run_files(partial, config, history, metrics)
    return new_folder(partial, output, config.name)
