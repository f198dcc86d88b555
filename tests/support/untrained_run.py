"""Runs as a training leaves them, made in an instant: random weights and statistics."""

import json
from pathlib import Path

import keras
import numpy as np
import yaml
from tones import tone

from kws_edge.audio.files import one_window
from kws_edge.config.schema import parse
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.types import FloatArray
from training.config import TrainingConfig, as_document
from training.networks.network import network
from training.train.run import WEIGHTS, Run

LABELS = ("high", "low", "middle")
EMBEDDING_MEL = {  # the speech embedding knows no other features
    "kind": "embedding_mel",
    "window_ms": 1500,
    "frame_length_ms": 25,
    "frame_step_ms": 10,
    "fft_length": "power_of_two",
}


def features_for(architecture: str, **log_mel: object) -> dict[str, object]:
    """The section ``features`` for an untrained network."""
    if architecture == "speech_embedding":
        return {**EMBEDDING_MEL}
    return {"kind": "log_mel", "frame_length_ms": 30, **log_mel}


def write_run(folder: Path, architecture: str, width: int, **features: object) -> Run:
    """A run with the weights of an untrained network that distinguishes inputs."""
    config = parse(
        TrainingConfig,
        {
            "name": f"{architecture}-{width}",
            "data": {"sources": [{"folder": "tones"}], "words": LABELS},
            "network": {"architecture": architecture, "width": width},
            "features": features_for(architecture, log_offset=1e-3, **features),
        },
    )
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(as_document(config)))
    (folder / "metrics.json").write_text(json.dumps({"git_commit": "0" * 12}))
    keras.utils.set_random_seed(7)
    model = network(config)
    settle(model, tones(config.features))
    model.save_weights(folder / WEIGHTS)
    return Run(folder, config)


def settle(model: keras.Model, features: FloatArray) -> None:
    """Make posteriors depend on the input, as after a training, for ``[n, frames, width]``.

    Batch normalisation takes its statistics from the features, its scales are drawn; the
    logits get mean 0 and deviation 1 over them.
    """
    random = np.random.default_rng(11)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        _, beta, mean, variance = layer.get_weights()
        layer.set_weights(
            [
                random.uniform(0.7, 1.4, beta.shape),
                random.normal(0, 0.2, beta.shape),
                mean,
                variance,
            ]
        )
        layer.momentum = 0.0
    model(features[..., None], training=True)
    for layer in norms:
        layer.momentum = 0.99
    dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    logits = np.asarray(keras.Model(model.input, dense.output)(features[..., None]))
    scale = 1 / logits.std(axis=0)
    kernel, bias = dense.get_weights()
    dense.set_weights([kernel * scale, (bias - logits.mean(axis=0)) * scale])


def tones(config: FeatureConfig, count: int = 48) -> FloatArray:
    """Features of swelling tones of all pitches, ``[count, frames, width]``."""
    front_end, pitches = FrontEnd(config), np.geomspace(150, 3500, count)
    windows = (one_window(tone(p, seed), config.window_samples) for seed, p in enumerate(pitches))
    return np.stack([front_end(window) for window in windows])
