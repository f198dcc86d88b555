"""BC-ResNet: residual learning in time on the mean over frequency, broadcast back to all bands.

Kim et al. 2021, "Broadcasted Residual Learning for Efficient Keyword Spotting",
arXiv:2106.04140. Different here:

- plain batch normalisation in place of sub-spectral normalisation, which int8 would compute
  as an operator of its own and which batch normalisation's folding into the convolution is not;
- ReLU in place of swish, which int8 computes from a table and a product;
- no dropout;
- nothing is padded in time, so dilations are smaller (the paper's look over 1.1 s of a window
  of 1 s); a residual is taken from the centre of what its convolution sees.
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

# of each stage: channels in widths, blocks, stride in frequency
STAGES = ((1, 2, 1), (1.5, 2, 2), (2, 4, 2), (2.5, 4, 1))
DILATIONS = {4: (1, 1, 1, 2), 8: (1, 2, 2, 4)}  # in time, of each stage, by `time_stride`


def bc_resnet(
    input_shape: tuple[int, int, int],
    num_labels: int,
    width: int = 8,
    context: Context | None = None,
) -> keras.Model:
    """Features ``[n, frames, bands, 1]`` to posteriors ``[n, num_labels]``.

    The first stage has ``width`` channels: 8 of them are the paper's BC-ResNet-1.
    """
    context = context or Windowed()
    features = context.features(input_shape)
    x = pad_bands(receptive(context, normalised(features), 5), 5, 2)
    x = relu(conv(x, 2 * width, (5, 5), (1, 2)))
    dilations = DILATIONS[time_stride(input_shape[0])]
    for (channels, blocks, stride), dilation in zip(STAGES, dilations, strict=True):
        x = _transition(context, x, round(width * channels), stride, dilation)
        for _ in range(blocks - 1):
            x = _block(context, x, dilation)
    x = depthwise(pad_bands(receptive(context, x, 5), 5), (5, 5))
    x = keras.ops.mean(x, axis=2, keepdims=True)  # [n, frames, 1, channels]
    x = relu(conv(x, 4 * width))
    return context.model(features, softmax(context.mean(x), num_labels))


def _transition(context: Context, x: Tensor, channels: int, stride: int, dilation: int) -> Tensor:
    """A block that changes channels or bands, without an identity of its own."""
    return _broadcast(context, relu(conv(x, channels)), None, stride, dilation)


def _block(context: Context, x: Tensor, dilation: int) -> Tensor:
    return _broadcast(context, x, x, 1, dilation)


def _broadcast(
    context: Context, x: Tensor, identity: Tensor | None, stride: int, dilation: int
) -> Tensor:
    """f2 over frequency, f1 over time on its mean, and the sum: ``x + f2(x) + f1(mean(f2(x)))``."""
    spectral = depthwise(pad_bands(x, 3), (1, 3))
    if stride > 1:  # TensorFlow has no depthwise convolution with a stride in one dimension
        spectral = spectral[:, :, ::stride]
    mean = keras.ops.mean(spectral, axis=2, keepdims=True)  # [n, frames, 1, channels]
    mean = depthwise(receptive(context, mean, 3, dilation=dilation), (3, 1), 1, (dilation, 1))
    temporal = relu(conv(relu(mean), mean.shape[-1]))
    residual = spectral if identity is None else keras.layers.Add()([identity, spectral])
    joined = context.join(residual, dilation)
    end = joined.shape[1] - dilation
    centre = joined[:, end - temporal.shape[1] : end]
    return relu(keras.layers.Add()([centre, temporal]))
