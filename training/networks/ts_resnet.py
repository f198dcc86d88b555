"""TS-ResNet: residual blocks of time-channel separable convolutions, mel bands as channels.

After MatchboxNet, Majumdar and Ginsburg 2020, arXiv:2004.08531: a convolution in time of each
channel alone, then one across channels. Different here:

- nothing is padded in time; a residual is taken from the centre of what its block sees;
- identities in place of convolutions in the shortcuts, and shorter kernels: 13 to 29 frames,
  as published, see more than a window of 1 s;
- the stride of the output is about 80 ms, half of it at the beginning and half at the end.
"""

import keras

from kws_edge.errors import ConfigError
from training.networks.layers import (
    Context,
    Tensor,
    Windowed,
    conv,
    depthwise,
    normalised,
    receptive,
    relu,
    softmax,
    time_stride,
)

KERNELS = (3, 3, 5)  # frames of 40 ms, of each block
LAYERS = 2  # in a block


def ts_resnet(
    input_shape: tuple[int, int, int],
    num_labels: int,
    width: int = 64,
    context: Context | None = None,
) -> keras.Model:
    """Features ``[n, frames, bands, 1]`` to posteriors ``[n, num_labels]``.

    All blocks have ``width`` channels.
    """
    context = context or Windowed()
    features, x = _pooled(context, input_shape, width)
    return context.model(features, softmax(x, num_labels))


PROBABILITY = "word"  # the layer of wake_word whose output is the word's probability, [n, 1]


def wake_word(
    input_shape: tuple[int, int, int],
    num_labels: int,
    width: int = 48,
    context: Context | None = None,
) -> keras.Model:
    """The blocks of `ts_resnet` for one word: features to posteriors ``[n, 3]``.

    The word's posterior is the logistic function of a number, as microWakeWord wants it, which a
    softmax over three labels is not; the other two share the rest by their softmax. Raises
    `ConfigError` for more words than one.
    """
    if num_labels != 3:
        raise ConfigError(
            "network.architecture: wake_word detects one word (data.words) against windows of"
            f" everything else, 3 labels and not {num_labels}: train a network for each word"
        )
    context = context or Windowed()
    features, x = _pooled(context, input_shape, width)
    logits = keras.layers.Dense(num_labels)(x)
    word = keras.layers.Activation("sigmoid", name=PROBABILITY)(logits[:, :1])
    others = keras.layers.Softmax()(logits[:, 1:])
    return context.model(features, keras.layers.Concatenate()([word, (1 - word) * others]))


def _pooled(
    context: Context, input_shape: tuple[int, int, int], width: int
) -> tuple[Tensor, Tensor]:
    """The input and the mean over time of what all blocks make of it, ``[n, 1.5 * width]``."""
    features = context.features(input_shape)
    first = time_stride(input_shape[0]) // 2
    x = keras.layers.Permute((1, 3, 2))(normalised(features))  # [n, frames, 1, bands]
    x = relu(conv(x, width))
    x = _separable(context, x, width, 2 * first + 1, first)
    for kernel in KERNELS:
        x = _block(context, x, width, kernel)
    x = _separable(context, x, round(1.5 * width), 3, 2)
    return features, context.mean(x)


def _block(context: Context, x: Tensor, width: int, kernel: int) -> Tensor:
    """Two separable convolutions and the frames that lie in their middle."""
    past = kernel - 1  # frames that the block's centre lies behind its end
    joined = context.join(x, 2 * past)
    inner = x
    for layer in range(LAYERS):
        inner = receptive(context, inner, kernel)
        inner = conv(depthwise(inner, (kernel, 1)), width)
        if layer < LAYERS - 1:
            inner = relu(inner)
    end = joined.shape[1] - past
    centre = joined[:, end - inner.shape[1] : end]
    return relu(keras.layers.Add()([centre, inner]))


def _separable(context: Context, x: Tensor, width: int, kernel: int, stride: int) -> Tensor:
    x = receptive(context, x, kernel, stride)
    return relu(conv(depthwise(x, (kernel, 1), stride), width))
