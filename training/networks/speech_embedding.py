"""Google's speech embedding, trained further, with a head: which word, wherever it stands?

Lin et al. 2020, "Training Keyword Spotters with Limited and Synthesized Speech Data",
arXiv:2002.01322. The embedding learnt from far more speech than there is here: 96 numbers every
80 ms, each about 76 mel frames of 10 ms. Its weights (Apache-2.0) come with the package
pyopen-wakeword; a training begins with them and changes them. The head is of openWakeWord's kind.
"""

import re
from importlib import resources

import keras
import numpy as np

from kws_edge.errors import ConfigError
from kws_edge.extras import import_extra
from kws_edge.features.embedding_mel import BANDS
from kws_edge.model.interpreter import make_interpreter
from kws_edge.types import FloatArray
from training.networks.layers import (
    Context,
    Tensor,
    Windowed,
    conv,
    freeze,
    receptive,
    relu,
    softmax,
)

# Each layer looks across bands (1, 3) or time (3, 1); the last of a row is followed by max pooling
# over (frames, bands).
STAGES = (
    (24, ((3, 3), (1, 3), (3, 1)), (2, 2)),
    (48, ((1, 3), (3, 1), (1, 3), (3, 1)), (1, 2)),
    (72, ((1, 3), (3, 1), (1, 3), (3, 1)), (2, 2)),
    (96, ((1, 3), (3, 1), (1, 3), (3, 1)), (1, 2)),
    (96, ((1, 3), (3, 1), (1, 3), (3, 1)), (2, 2)),
)
EMBEDDING = 96
LEAST_FRAMES = 108  # five embeddings, which the head looks at together
SLOPE = 0.2  # below 0
LEAST = -0.4  # of an activation
PRETRAINED = 20  # convolutions of the embedding


def speech_embedding(
    input_shape: tuple[int, int, int],
    num_labels: int,
    width: int = 64,
    context: Context | None = None,
) -> keras.Model:
    """Features ``[n, frames, 32, 1]`` (``embedding_mel``) to posteriors ``[n, num_labels]``.

    ``width``: channels of the head's three convolutions, of one and twice three embeddings; the
    largest value of each over time counts. The window holds 108 frames or more.
    """
    if input_shape[0] < LEAST_FRAMES or input_shape[1] != BANDS:
        raise ConfigError(
            f"features: the speech embedding with its head sees {LEAST_FRAMES} frames or more, and"
            f" {input_shape[0]} are there, of {BANDS} bands (window_ms, kind: embedding_mel)"
        )
    context = context or Windowed()
    x = features = context.features(input_shape)
    for channels, kernels, pool in STAGES:
        for kernel in kernels:
            x = _layer(context, x, channels, kernel)
        x = keras.layers.MaxPooling2D(pool, pool)(receptive(context, x, pool[0], pool[0]))
    x = keras.layers.Conv2D(EMBEDDING, (3, 1))(receptive(context, x, 3))  # [n, embeddings, 1, 96]
    for embeddings in (1, 3, 3):
        x = relu(conv(receptive(context, x, embeddings), width, (embeddings, 1)))
    return context.model(features, softmax(context.maximum(x), num_labels))


def _layer(context: Context, x: Tensor, channels: int, kernel: tuple[int, int]) -> Tensor:
    """Padded across bands, not in time."""
    x = receptive(context, x, kernel[0])
    if kernel[1] > 1:
        x = keras.layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
    x = keras.layers.LeakyReLU(negative_slope=SLOPE)(keras.layers.Conv2D(channels, kernel)(x))
    return keras.ops.maximum(x, LEAST)


def begin_pretrained(model: keras.Model, frozen: int = 0) -> None:
    """Give the embedding in ``model`` the weights of pyopen-wakeword; the head keeps its own.

    The first ``frozen`` convolutions are not trained. Raises `ConfigError` where the package is
    not installed or the embedding has fewer convolutions.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    weights = pretrained_weights()
    if frozen > len(weights):
        raise ConfigError(f"network.frozen: {frozen}, and the embedding has {len(weights)}")
    for layer, (kernel, bias) in zip(layers, weights, strict=False):  # the head's follow
        layer.set_weights([kernel, bias])
    freeze(model, frozen)


NAME = re.compile(r"model/conv2d(?:_(\d+))?/Conv2D1?$")


def pretrained_weights() -> list[tuple[FloatArray, FloatArray]]:
    """Kernel ``[height, width, inputs, outputs]`` and bias ``[outputs]`` of each layer."""
    package = import_extra("pyopen_wakeword", "embedding")
    content = resources.files(package).joinpath("models/embedding_model.tflite").read_bytes()
    interpreter = make_interpreter(content, input_shape=(1, 76, 32, 1))
    kernels: dict[int, FloatArray] = {}
    biases: dict[int, FloatArray] = {}
    for tensor in interpreter.get_tensor_details():
        name, shape = NAME.search(tensor["name"]), tensor["shape"]
        if name is None or shape[0] == 1:  # 1: an activation
            continue
        found = interpreter.get_tensor(tensor["index"])
        if len(shape) == 4:
            kernels[int(name[1] or 0)] = np.transpose(found, (1, 2, 3, 0))
        else:
            biases[int(name[1] or 0)] = found
    return [(kernels[number], biases[number]) for number in sorted(kernels)]
