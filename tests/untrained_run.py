"""Runs as a training leaves them, made in an instant: random weights and statistics."""

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import yaml

from kws_edge.schema import parse
from training.config import RunConfig
from training.dataset.index import Clip, scan
from training.network import network
from training.run_folder import as_document
from training.trained import WEIGHTS

LABELS = ("high", "low", "middle")


def write_run(folder: Path, architecture: str, width: int, **features: object) -> Path:
    """A run with the weights of an untrained network that tells inputs apart."""
    config = parse(RunConfig, {
        "name": f"{architecture}-{width}", "labels": LABELS, "width": width,
        "architecture": architecture,
        "features": {"kind": "log_mel", "frame_length_ms": 30, "log_offset": 1e-3, **features},
    })  # fmt: skip
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(as_document(config)))
    (folder / "metrics.json").write_text(json.dumps({"git_commit": "0" * 12}))
    keras.utils.set_random_seed(7)
    model = network(config)
    unsettle(model)
    model.save_weights(folder / WEIGHTS)
    return folder


def unsettle(model: keras.Model) -> None:
    """Statistics of batch normalisation that make a difference."""
    random = np.random.default_rng(11)
    first = True
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.gamma.shape[0]
            mean = random.normal(-3 if first else 0, 0.5, n)
            variance = random.uniform(2, 6, n) if first else random.uniform(0.2, 1, n)
            layer.set_weights(
                [random.uniform(0.8, 1.6, n), random.normal(0.1, 0.3, n), mean, variance]
            )
            first = False


def clips(data: Path) -> Sequence[Clip]:
    return scan(data, LABELS)
