"""The compiled network of a run; any Keras backend."""

import keras

from training.config import RunConfig
from training.networks import ARCHITECTURES


def network(config: RunConfig) -> keras.Model:
    """The network of a run's architecture, not compiled: enough to hold weights."""
    architecture = ARCHITECTURES[config.architecture]
    shape = (*config.features.shape, 1)
    if config.width is None:
        return architecture(shape, len(config.labels))
    return architecture(shape, len(config.labels), config.width)


def uncompiled(model: keras.Model, config: RunConfig) -> keras.Model:
    """The trained ``model`` of this run without its optimizer, whose state in a file of weights
    would be two or three times as much as they are."""
    bare = network(config)
    bare.set_weights(model.get_weights())
    return bare


def build(config: RunConfig, steps: int) -> keras.Model:
    """The compiled network; the learning rate reaches its end after ``steps`` batches."""
    model = network(config)
    schedule = keras.optimizers.schedules.PolynomialDecay(
        config.optimizer.initial_learning_rate, steps, config.optimizer.end_learning_rate
    )
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=False),
        optimizer=keras.optimizers.Adam(schedule),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    return model
