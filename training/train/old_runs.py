"""Runs made before `TrainingConfig`, converted to the present form.

There were two: of ``train`` (config.yaml with ``architecture`` and ``optimizer``, and a SavedModel
alone under TensorFlow) and of ``recipe`` (recipe.yaml beside a config.yaml that had only default
values for the optimizer).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import read_yaml
from kws_edge.errors import ConfigError, DataError, ValidationErrors
from kws_edge.files import write_atomically
from training.config import TrainingConfig, as_document
from training.train.run import CONFIG, METRICS, OLD_RECIPE, SAVED_MODEL, WEIGHTS, is_old

MEASURES = {
    "closed": "closed_set_accuracy",
    "open": "open_set_accuracy",
    "fired": "false_accept_rate",
    "windows": "window_accuracy",
    "windows_fired": "window_false_accept_rate",
}


def upgrade(run: Path, folder: str = "mini_speech_commands") -> TrainingConfig:
    """Rewrite the old run in the folder ``run`` in the present form; the weights stay as they are.

    ``folder`` is the folder of labels, below ``--data``, of a run of ``train``, which did not
    record it. Raises `ConfigError` for a run that is not old, or that cannot be understood.
    """
    if not is_old(run):
        raise ConfigError(f"{run}: is in the present form already")
    recipe = run / OLD_RECIPE
    source = recipe if recipe.exists() else run / CONFIG
    try:
        old = read_yaml(source)
        document = from_recipe(old) if recipe.exists() else from_run_config(old, folder)
        config = parse(TrainingConfig, document)
    except (ValidationErrors, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{source}: not a configuration of an old run ({error!r})") from error
    if not (run / WEIGHTS).exists():
        _write_weights(run, config)
    if (run / METRICS).exists():
        metrics = renamed_metrics(json.loads((run / METRICS).read_text()))
        write_atomically(run / METRICS, (json.dumps(metrics, indent=2) + "\n").encode())
    text = yaml.safe_dump(as_document(config), sort_keys=False)
    write_atomically(run / CONFIG, text.encode())
    recipe.unlink(missing_ok=True)  # last: until then the run is still an old one
    return config


def from_run_config(old: dict[str, Any], folder: str) -> dict[str, Any]:
    """The document of a `TrainingConfig` from that of an old ``config.yaml``."""
    optimizer = old["optimizer"]
    source = {
        "folder": folder,
        "split": old.get("split", "official"),
        "allow_leaks": old.get("allow_leaks", False),
    }
    return {
        "name": old["name"],
        "features": old["features"],
        "data": {"sources": [source], "words": old["labels"]},
        "network": {"architecture": old["architecture"], "width": old.get("width")},
        "optimizer": {
            "kind": "adam",
            "decay": "linear",
            "learning_rate": optimizer["initial_learning_rate"],
            "end_learning_rate": optimizer["end_learning_rate"],
            "weight_decay": 0,
        },
        "schedule": {
            "epochs": optimizer["epochs"],
            "batch_size": optimizer["batch_size"],
            "warmup_epochs": 0,
            "averaging": 0,
            "label_smoothing": 0,
        },
        "detector": old.get("detector", {}),
        "seed": old.get("seed", 0),
    }


def from_recipe(old: dict[str, Any]) -> dict[str, Any]:
    """The document of a `TrainingConfig` from that of an old ``recipe.yaml``."""
    document, schedule = dict(old), dict(old["schedule"])
    if windows := document.get("windows"):
        document["windows"] = _renamed(windows)
    data = {key: document.pop(key) for key in ("sources", "words", "noise", "speech")}
    optimizer = {
        "kind": "adamw",
        "decay": "cosine",
        "learning_rate": schedule.pop("learning_rate"),
        "weight_decay": schedule.pop("weight_decay"),
    }
    return {**document, "data": data, "optimizer": optimizer, "schedule": schedule}


def _renamed(windows: dict[str, Any]) -> dict[str, Any]:
    """The old settings of windows with today's names."""
    names = {"gone": "max_onset_truncation", "joins": "spliced"}
    renamed = {names.get(name, name): value for name, value in windows.items()}
    if isinstance(mix := renamed.get("unknown"), dict):
        renamed["unknown"] = {names.get(name, name): value for name, value in mix.items()}
    return renamed


def renamed_metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    """An old ``metrics.json`` with today's names."""
    names = {"windows": "examples"}
    renamed = {names.get(name, name): value for name, value in metrics.items()}
    if isinstance(validation := renamed.get("validation"), dict):
        renamed["validation"] = {MEASURES.get(k, k): value for k, value in validation.items()}
        renamed.setdefault("validation_accuracy", renamed["validation"]["open_set_accuracy"])
    return renamed


def _write_weights(run: Path, config: TrainingConfig) -> None:
    """``network.weights.h5`` from the SavedModel. Raises `DataError` where they do not fit."""
    import tensorflow as tf

    from training.networks.network import network

    if not (run / SAVED_MODEL).exists():
        raise DataError(f"{run}: neither {WEIGHTS} nor {SAVED_MODEL}")
    model, saved = network(config), tf.saved_model.load(str(run))
    window = np.random.default_rng(0).normal(-3, 3, (1, *config.features.shape, 1))
    try:
        # in the order in which the network that was exported had them
        model.set_weights([variable.numpy() for variable in saved.variables])
    except ValueError as error:
        raise DataError(f"{run}: not the weights of this run ({error})") from error
    found, expected = (f(window.astype(np.float32)) for f in (model, saved.serve))
    if not np.allclose(found, expected, atol=1e-4):
        raise DataError(f"{run}: the weights do not give what the SavedModel gives")
    model.save_weights(run / WEIGHTS)
