"""The trained network of a run, which kept a SavedModel, or its weights alone."""

import shutil
from pathlib import Path

import keras
import numpy as np

from kws_edge.config.yaml_file import load
from kws_edge.errors import ConfigError, DataError
from training.config import RunConfig
from training.networks.build import network
from training.train.trained import WEIGHTS

GRAPH = "saved_model.pb"


def ensure_saved_model(run: Path) -> bool:
    """Make the SavedModel in the folder ``run`` where it has only weights; was it made now?

    Raises `ConfigError` where Keras does not run on TensorFlow, which alone can write one,
    and `DataError` where the weights do not fit the run's network.
    """
    if (run / GRAPH).exists() or not (run / WEIGHTS).exists():
        return False
    if keras.backend.backend() != "tensorflow":
        raise ConfigError("KERAS_BACKEND: a SavedModel is written by tensorflow alone")
    partial = run / ".saved_model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    restored_network(run).export(partial, verbose=False)
    # the graph last: its presence says that all is there
    for path in sorted(partial.iterdir(), key=lambda path: path.name == GRAPH):
        if (run / path.name).is_dir():
            shutil.rmtree(run / path.name)
        path.rename(run / path.name)
    partial.rmdir()
    return True


def trained_network(run: Path) -> keras.Model:
    """The trained network of any run. Raises `DataError` where its weights do not fit."""
    if (run / WEIGHTS).exists():
        return restored_network(run)
    import tensorflow as tf

    config = load(run / "config.yaml", RunConfig)
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
    return model


def restored_network(run: Path) -> keras.Model:
    """The trained network, on the backend that Keras runs on here."""
    model = network(load(run / "config.yaml", RunConfig))
    try:
        model.load_weights(run / WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{run / WEIGHTS}: not the weights of this run ({error})") from error
    return model
