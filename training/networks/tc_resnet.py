"""TC-ResNet8: convolutions in time alone, mel bands as channels.

Choi et al. 2019, "Temporal Convolution for Real-time Keyword Spotting on Mobile Devices",
arXiv:1904.03814. Different here:

- nothing is padded in time, so kernels shrink from block to block (the paper's 9 thrice would
  look over 1.7 s of a window of 1 s);
- a shortcut takes the first frame that its block's first convolution sees: about the centre
  of what the block sees, and a stream needs no state for it.
"""

import keras

from training.networks.layers import (
    Context,
    Tensor,
    Windowed,
    conv,
    normalised,
    receptive,
    relu,
    softmax,
    time_stride,
)

KERNELS = (7, 5, 3)
CHANNELS = (1.5, 2, 3)  # of each block, in widths


def tc_resnet(
    input_shape: tuple[int, int, int],
    num_labels: int,
    width: int = 16,
    context: Context | None = None,
) -> keras.Model:
    """Features ``[n, frames, bands, 1]`` to posteriors ``[n, num_labels]``.

    ``width`` channels come out of the first convolution, three times as many out of the last.
    """
    context = context or Windowed()
    frames = input_shape[0]
    features = context.features(input_shape)
    x = keras.layers.Permute((1, 3, 2))(normalised(features))  # [n, frames, 1, bands]
    x = relu(conv(receptive(context, x, 3), width, (3, 1)))
    strides = {4: (1, 2, 2), 8: (2, 2, 2)}[time_stride(frames)]
    for kernel, stride, channels in zip(KERNELS, strides, CHANNELS, strict=True):
        x = _block(context, x, round(width * channels), kernel, stride)
    return context.model(features, softmax(context.mean(x), num_labels))


def _block(context: Context, x: Tensor, channels: int, kernel: int, stride: int) -> Tensor:
    joined = receptive(context, x, kernel, stride)
    inner = relu(conv(joined, channels, (kernel, 1), (stride, 1)))
    outer = conv(receptive(context, inner, kernel), channels, (kernel, 1))
    # the first frame that the first convolution saw for each of the last frames of inner
    end = (inner.shape[1] - 1) * stride + 1
    start = (inner.shape[1] - outer.shape[1]) * stride
    shortcut = relu(conv(joined[:, start:end], channels, (1, 1), (stride, 1)))
    return relu(keras.layers.Add()([outer, shortcut]))
