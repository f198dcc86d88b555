"""Runs made before TrainingConfig: refused with a remedy, and converted without a loss."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from tones import plain_config
from window_world import CONFIG

from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError
from training.config import TrainingConfig
from training.networks.network import network
from training.train.old_runs import upgrade
from training.train.run import WEIGHTS, load_run

OLD_RUN = {
    "name": "tones",
    "features": {"kind": "mfcc"},
    "labels": ["high", "low", "middle"],
    "split": "official",
    "allow_leaks": True,
    "architecture": "lab_cnn",
    "width": 16,
    "optimizer": {
        "initial_learning_rate": 0.01,
        "end_learning_rate": 1e-5,
        "batch_size": 20,
        "epochs": 2,
    },
    "detector": {"hop_ms": 80.0},
    "seed": 3,
    "test": True,
}


def old_recipe() -> dict[str, Any]:
    """`CONFIG` as a recipe had it."""
    document = {key: value for key, value in CONFIG.items() if key not in ("data", "optimizer")}
    rate = {"learning_rate": 0.01, "weight_decay": 1e-4}
    return {**document, **CONFIG["data"], "schedule": {**CONFIG["schedule"], **rate}}


def write(folder: Path, what: TrainingConfig, **files: dict[str, Any]) -> bytes:
    """An old run with the weights of an untrained network; their bytes."""
    folder.mkdir()
    for name, document in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
    validation = {"closed": 0.9, "open": 0.8, "fired": 0.1, "windows": 0.7, "windows_fired": 0.2}
    metrics = {"git_commit": "0" * 40, "validation": validation, "windows": 57}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    network(what).save_weights(folder / WEIGHTS)
    return (folder / WEIGHTS).read_bytes()


def test_an_old_run_of_a_recipe_gets_its_true_settings(tmp_path: Path) -> None:
    expected = parse(TrainingConfig, CONFIG)
    weights = write(tmp_path / "run", expected, config=OLD_RUN, recipe=old_recipe())
    with pytest.raises(ConfigError, match="old form; convert it with: python -m training upgrade"):
        load_run(tmp_path / "run")
    upgrade(tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert run.config == expected
    assert (run.folder / WEIGHTS).read_bytes() == weights
    assert not (run.folder / "recipe.yaml").exists()
    metrics = run.metrics()
    assert metrics["examples"] == 57
    assert metrics["validation_accuracy"] == 0.8
    assert metrics["validation"] == {
        "closed_set_accuracy": 0.9,
        "open_set_accuracy": 0.8,
        "false_accept_rate": 0.1,
        "window_accuracy": 0.7,
        "window_false_accept_rate": 0.2,
    }
    with pytest.raises(ConfigError, match="is in the present form already"):
        upgrade(tmp_path / "run")


def test_an_old_run_of_the_lab_keeps_its_optimizer(tmp_path: Path) -> None:
    document = plain_config(seed=3, detector={"hop_ms": 80.0})
    document["data"]["sources"][0]["allow_leaks"] = True
    expected = parse(TrainingConfig, document)
    write(tmp_path / "run", expected, config=OLD_RUN)
    upgrade(tmp_path / "run", "tones")
    assert load_run(tmp_path / "run").config == expected


def test_weights_come_from_a_saved_model(tmp_path: Path) -> None:
    """The old ``train`` kept that alone."""
    pytest.importorskip("tensorflow", reason="needs the extra 'training'")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a SavedModel needs TensorFlow")
    config = parse(TrainingConfig, plain_config())
    write(tmp_path / "run", config, config=OLD_RUN)
    model = network(config)
    model.export(tmp_path / "run", verbose=False)
    (tmp_path / "run" / WEIGHTS).unlink()
    upgrade(tmp_path / "run", "tones")
    found = load_run(tmp_path / "run").network().get_weights()
    for ours, theirs in zip(found, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_no_old_run_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "run", parse(TrainingConfig, plain_config()), config={"architecture": "x"})
    with pytest.raises(ConfigError, match="not a configuration of an old run"):
        upgrade(tmp_path / "run")
