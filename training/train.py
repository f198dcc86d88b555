"""Train a network and keep it as a SavedModel, with all that made it."""

import csv
import dataclasses
import json
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import yaml

from kws_edge.errors import DataError
from training.architectures import ARCHITECTURES
from training.config import RunConfig
from training.dataset.index import scan
from training.dataset.leaks import find_leaks
from training.dataset.splits import PARTS, Split, split_clips
from training.pipeline import make_dataset


def load_split(config: RunConfig, data: Path, split_lists: Path | None) -> Split:
    """The parts of the data; a leaking split is refused unless the run allows it."""
    clips = scan(data, config.labels)
    split = split_clips(clips, config.split, split_lists, config.seed)
    empty = [part for part in PARTS if not split.part(part)]
    if empty:
        raise DataError(f"{data}: no clips in the part {', '.join(empty)} of this split")
    if not config.allow_leaks and (leaks := find_leaks(split)):
        raise DataError(f"{data}: {leaks}; 'allow_leaks: true' trains all the same")
    return split


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
    provenance = _provenance()  # of the code as loaded, not as it is an hour later
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


def build(config: RunConfig, steps: int) -> keras.Model:
    """The compiled network; the learning rate reaches its end after ``steps`` batches."""
    model = ARCHITECTURES[config.architecture]((*config.features.shape, 1), len(config.labels))
    schedule = keras.optimizers.schedules.PolynomialDecay(
        config.optimizer.initial_learning_rate, steps, config.optimizer.end_learning_rate
    )
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=False),
        optimizer=keras.optimizers.Adam(schedule),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    return model


def _provenance() -> dict[str, str]:
    def git(*arguments: str) -> str:
        root = Path(__file__).parent
        result = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
        return result.stdout.strip()

    commit = git("rev-parse", "HEAD") or "unknown"
    # a run from changed files cannot be made again from the commit alone: say so
    dirty = "+changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return {
        "git_commit": commit + dirty,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def _save(
    model: keras.Model,
    config: RunConfig,
    history: dict[str, list[float]],
    metrics: dict[str, Any],
    output: Path,
) -> Path:
    output.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    partial = output / f".{stamp}-{config.name}.partial"
    model.export(partial, verbose=False)
    document = yaml.safe_dump(json.loads(json.dumps(dataclasses.asdict(config))), sort_keys=False)
    (partial / "config.yaml").write_text(document)
    with (partial / "history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows(
            [epoch, *row] for epoch, row in enumerate(zip(*history.values(), strict=True), 1)
        )
    (partial / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    for name in (stamp, f"{stamp}-{config.name}", f"{stamp}-{config.name}-{id(model):x}"):
        if not (output / name).exists():
            return partial.rename(output / name)
    raise FileExistsError(output / stamp)
