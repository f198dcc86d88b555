"""The network that a configuration describes, on any Keras backend."""

from typing import Any

import keras

from training.config import TrainingConfig
from training.networks.registry import architecture


def network(config: TrainingConfig, **options: Any) -> keras.Model:
    """The network with random weights, not compiled.

    ``options`` go to the architecture: ``context`` for its streaming form.
    """
    make, shape = architecture(config.network.architecture), (*config.features.shape, 1)
    if config.network.width is not None:
        options["width"] = config.network.width
    model: keras.Model = make(shape, len(config.labels), **options)
    return model


def uncompiled(model: keras.Model, config: TrainingConfig) -> keras.Model:
    """The trained ``model`` without its optimizer, whose state would make a file of weights two
    or three times as large."""
    bare = network(config)
    bare.set_weights(model.get_weights())
    return bare
