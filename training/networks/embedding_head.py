"""A head on speech embeddings: which word do they hold, wherever it stands?

As the wake words of openWakeWord and the keywords of Lin et al. 2020 (arXiv:2002.01322) have it.
"""

import keras

from training.networks.layers import conv, normalised, relu, softmax


def embedding_head(
    input_shape: tuple[int, int, int], num_labels: int, width: int = 64
) -> keras.Model:
    """Embeddings ``[n, frames, 96, 1]`` to posteriors ``[n, num_labels]``.

    ``width``: channels of the three convolutions, of one and twice three frames; the largest
    value of each over time counts.
    """
    features = keras.Input(input_shape, name="features")
    x = keras.layers.Permute((1, 3, 2))(normalised(features))  # [n, frames, 1, 96]
    for kernel in (1, 3, 3):
        x = relu(conv(x, width, (kernel, 1)))
    return keras.Model(features, softmax(keras.layers.GlobalMaxPooling2D()(x), num_labels))
