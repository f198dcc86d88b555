"""The SavedModel of a run that kept its weights alone, from whichever Keras backend."""

import shutil
from pathlib import Path

import keras

from kws_edge.errors import ConfigError, DataError
from kws_edge.yaml_file import load
from training.config import RunConfig
from training.network import network
from training.trained import WEIGHTS

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


def restored_network(run: Path) -> keras.Model:
    """The trained network, on the backend that Keras runs on here."""
    model = network(load(run / "config.yaml", RunConfig))
    try:
        model.load_weights(run / WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{run / WEIGHTS}: not the weights of this run ({error})") from error
    return model
