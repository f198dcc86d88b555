"""What several architectures are made of."""

import keras

from training.networks.context import Tensor
from training.networks.depthwise import DepthwiseConv


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
