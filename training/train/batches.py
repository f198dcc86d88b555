"""Batches as `keras.Model.fit` takes them, without the wait that TensorFlow adds at the end.

tf.data tunes itself in a thread whose naps double up to 60 s, and TensorFlow 2.21 lets the
end of an iteration wait until it wakes: short trainings took up to twice, long ones a minute
longer. So the tuning is off; what it would set is set by hand.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import keras
import numpy.typing as npt

Batch = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def training_batches(batches: Iterator[Batch]) -> Any:
    """All ``batches`` of a training, once, for whichever backend Keras runs."""
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    first = next(batches)
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in first)
    dataset = tf.data.Dataset.from_generator(
        lambda: chain([first], batches), output_signature=signature
    )
    return untuned(dataset.prefetch(2))


def validation_batches(examples: Batch, size: int) -> Any:
    """``examples`` in their order, ``size`` at a time, anew in each epoch."""
    if keras.backend.backend() != "tensorflow":
        return examples
    import tensorflow as tf

    return untuned(tf.data.Dataset.from_tensor_slices(examples).batch(size))


def untuned(dataset: Any) -> Any:
    """A ``tf.data.Dataset`` that does not tune itself."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
