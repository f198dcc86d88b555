"""Training from features in memory, on whichever backend Keras runs: TensorFlow, JAX, PyTorch.

Nothing here imports TensorFlow, so that a machine without it can train; the order of the
examples is NumPy's and so the same on every backend.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray
from training.config import RunConfig
from training.data.cache import Arrays, Examples
from training.networks.build import build, uncompiled
from training.networks.cost import multiply_accumulates
from training.train.batches import training_batches, validation_batches
from training.train.provenance import library_versions
from training.train.run import History
from training.train.trained import WEIGHTS, TrainingResult

Report = Callable[[int, float], None]


def fit(config: RunConfig, arrays: Arrays, report: Report | None = None) -> TrainingResult:
    """Train as ``config`` says; ``report`` hears each epoch's number and validation accuracy."""
    keras.utils.set_random_seed(config.seed)
    optimizer = config.optimizer
    steps = -(-len(arrays.training.targets) // optimizer.batch_size)
    model = build(config, steps * optimizer.epochs)
    started = time.monotonic()
    history: History = model.fit(
        training_batches(_shuffled(arrays.training, config)),
        steps_per_epoch=steps,
        epochs=optimizer.epochs,
        validation_data=validation_batches(
            (arrays.validation.features[..., None], arrays.validation.targets),
            optimizer.batch_size,
        ),
        validation_batch_size=optimizer.batch_size,
        callbacks=[_Reporter(report)] if report else [],
        shuffle=False,  # the generator has shuffled
        verbose=0,
    ).history
    metrics = {
        "seconds": round(time.monotonic() - started, 1),
        "parameters": model.count_params(),
        "multiply_accumulates": multiply_accumulates(model),
        "clips": {
            "training": len(arrays.training.targets),
            "validation": len(arrays.validation.targets),
        },
        "validation_accuracy": history["val_sparse_categorical_accuracy"][-1],
        **library_versions(),
    }
    return TrainingResult(metrics, history, weights_of(uncompiled(model, config)))


def _shuffled(
    examples: Examples, config: RunConfig
) -> Iterator[tuple[FloatArray, npt.NDArray[np.int64]]]:
    """All batches of all epochs: features ``[n, frames, width, 1]``, targets ``[n]``."""
    random = np.random.default_rng(config.seed)
    size = config.optimizer.batch_size
    for _ in range(config.optimizer.epochs):
        order = random.permutation(len(examples.targets))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            yield examples.features[chosen][..., None], examples.targets[chosen]


def weights_of(model: keras.Model) -> bytes:
    """The weights as the content of a ``.weights.h5`` file, which every backend reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS
        model.save_weights(path)
        return path.read_bytes()


class _Reporter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._report(epoch + 1, float(logs["val_sparse_categorical_accuracy"]))
