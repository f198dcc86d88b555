"""DS-CNN: depthwise separable convolutions over time and frequency.

Zhang et al. 2017, "Hello Edge: Keyword Spotting on Microcontrollers", arXiv:1711.07128, by its
medium size: one convolution and four separable ones, the first two with strides. Different
here: nothing is padded in time, and the strides in frequency fit 40 mel bands rather than 10
coefficients.
"""

import keras

from training.networks.layers import (
    Context,
    Tensor,
    Windowed,
    conv,
    depthwise,
    normalised,
    pad_bands,
    receptive,
    relu,
    softmax,
    time_stride,
)


def ds_cnn(
    input_shape: tuple[int, int, int],
    num_labels: int,
    width: int = 64,
    context: Context | None = None,
) -> keras.Model:
    """Features ``[n, frames, bands, 1]`` to posteriors ``[n, num_labels]``.

    All convolutions have ``width`` channels.
    """
    context = context or Windowed()
    features = context.features(input_shape)
    stride = time_stride(input_shape[0]) // 2
    kernel = 5 * stride  # 200 ms
    x = pad_bands(receptive(context, normalised(features), kernel, stride), 4, 2)
    x = relu(conv(x, width, (kernel, 4), (stride, 2)))
    for stride in (2, 1, 1, 1):
        x = _separable(context, x, width, stride)
    return context.model(features, softmax(context.mean(x), num_labels))


def _separable(context: Context, x: Tensor, width: int, stride: int) -> Tensor:
    x = pad_bands(receptive(context, x, 3, stride), 3, stride)
    return relu(conv(relu(depthwise(x, (3, 3), stride)), width))
