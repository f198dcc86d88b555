"""Layers that architectures share, and time: a whole window at once or a stream in chunks.

An architecture's convolutions are 'valid' in time and stand behind `Context.join`, which
gives them the frames before. Over a window these are the window's own; in a stream they are
a state, kept between calls (streaming layers with external states: Rybakov et al. 2020,
arXiv:2005.06720). Nothing is padded in time, so that both forms see the same numbers.
"""

import itertools
from typing import Any, Protocol

import keras

from kws_edge.errors import ConfigError

# Keras has no types: a symbolic tensor, [n, frames, height, channels] throughout.
Tensor = Any


class Context(Protocol):
    """Where layers that look across time get their frames from."""

    def features(self, shape: tuple[int, int, int]) -> Tensor:
        """The network's input, of windows of ``shape`` (frames, width, 1)."""

    def join(self, x: Tensor, frames: int) -> Tensor:
        """``x`` behind the ``frames`` frames that came before it."""

    def mean(self, x: Tensor) -> Tensor:
        """Mean over the frames of a window and over all of its height: ``[n, channels]``."""

    def maximum(self, x: Tensor) -> Tensor:
        """The largest value of each channel over the same: ``[n, channels]``."""

    def model(self, features: Tensor, posteriors: Tensor) -> keras.Model:
        """The network between them."""


class Windowed:
    """A whole window in each call: its first frames are the past of the others."""

    def features(self, shape: tuple[int, int, int]) -> Tensor:
        return keras.Input(shape, name="features")

    def join(self, x: Tensor, frames: int) -> Tensor:
        return x

    def mean(self, x: Tensor) -> Tensor:
        return keras.layers.GlobalAveragePooling2D()(x)

    def maximum(self, x: Tensor) -> Tensor:
        return keras.layers.GlobalMaxPooling2D()(x)

    def model(self, features: Tensor, posteriors: Tensor) -> keras.Model:
        return keras.Model(features, posteriors)


def receptive(
    context: Context, x: Tensor, kernel: int, stride: int = 1, dilation: int = 1
) -> Tensor:
    """``x`` as a convolution of ``kernel`` frames needs it, its last frame in the last place.

    Where a window does not fit the stride, frames at its front are left out: a stream, of
    which only the end is known, has the same phase.
    """
    span = dilation * (kernel - 1) + 1
    joined = context.join(x, span - stride)
    if joined.shape[1] < span:
        raise ConfigError(
            f"features: a window of too few frames for this architecture: a layer"
            f" that sees {span} is left {joined.shape[1]}"
        )
    surplus = (joined.shape[1] - span) % stride
    return joined[:, surplus:] if surplus else joined


def time_stride(frames: int) -> int:
    """Frames in a step of the output that make about 80 ms: 4 of 20 ms, 8 of 10 ms.

    ``frames`` are those of a window of 1 to 1.5 s.
    """
    return 4 if frames < 90 else 8


class DepthwiseConv(keras.layers.DepthwiseConv2D):  # type: ignore[misc]  # Keras has no types
    """`keras.layers.DepthwiseConv2D` without padding and bias, one filter a channel.

    XLA's gradient of a depthwise convolution on a CPU takes 10 to 100 times as long as the
    same as a sum of shifted products, which it fuses into one loop. TensorFlow keeps the
    layer's own operator, which is what TFLite has.
    """

    def call(self, inputs: Any) -> Any:
        if keras.backend.backend() == "tensorflow":
            return super().call(inputs)
        (rows, columns), (row_step, column_step) = self.kernel_size, self.strides
        row_gap, column_gap = self.dilation_rate
        high = (inputs.shape[1] - (rows - 1) * row_gap - 1) // row_step + 1
        wide = (inputs.shape[2] - (columns - 1) * column_gap - 1) // column_step + 1
        total = 0
        for row in range(rows):
            for column in range(columns):
                top, left = row * row_gap, column * column_gap
                shifted = inputs[
                    :,
                    top : top + (high - 1) * row_step + 1 : row_step,
                    left : left + (wide - 1) * column_step + 1 : column_step,
                ]
                total = total + shifted * self.kernel[row, column, :, 0]
        return total


def normalised(features: Tensor) -> Tensor:
    """Each band shifted and scaled by statistics of the training data (batch normalisation).

    A constant once trained, never a statistic of the window: a stream can do the same.
    """
    return keras.layers.BatchNormalization(axis=2)(features)


def conv(
    x: Tensor, channels: int, kernel: tuple[int, int] = (1, 1), strides: tuple[int, int] = (1, 1)
) -> Tensor:
    """Convolution without padding, and batch normalisation in place of its bias."""
    x = keras.layers.Conv2D(channels, kernel, strides, use_bias=False)(x)
    return keras.layers.BatchNormalization()(x)


def depthwise(
    x: Tensor, kernel: tuple[int, int], stride: int = 1, dilation: tuple[int, int] = (1, 1)
) -> Tensor:
    """Depthwise convolution without padding, with batch normalisation; strides are square."""
    layer = DepthwiseConv(kernel, stride, dilation_rate=dilation, use_bias=False)
    return keras.layers.BatchNormalization()(layer(x))


def relu(x: Tensor) -> Tensor:
    return keras.layers.ReLU()(x)


def pad_bands(x: Tensor, kernel: int, stride: int = 1) -> Tensor:
    """Zeros around the height (frequency), so that ``ceil(height / stride)`` places come out."""
    height = x.shape[2]
    zeros = max(0, (-(-height // stride) - 1) * stride + kernel - height)
    if not zeros:
        return x
    return keras.layers.ZeroPadding2D(((0, 0), (zeros // 2, zeros - zeros // 2)))(x)


def softmax(pooled: Tensor, num_labels: int) -> Tensor:
    """Posteriors ``[n, num_labels]`` of ``pooled [n, channels]``."""
    return keras.layers.Softmax()(keras.layers.Dense(num_labels)(pooled))


def freeze(model: keras.Model, count: int) -> None:
    """Leave the first ``count`` convolutions as they are: they are not trained."""
    convolutions = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    for layer in itertools.islice(convolutions, count):
        layer.trainable = False
