"""The lab's CNN: three convolutions of ``width`` filters, global average pooling, softmax."""

import keras


def lab_cnn(input_shape: tuple[int, int, int], num_labels: int, width: int = 128) -> keras.Model:
    """Features ``[n, frames, width, 1]`` to posteriors ``[n, num_labels]``."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(input_shape),
            layers.Conv2D(width, 3, strides=2, padding="valid", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(width, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(width, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(num_labels),
            layers.Softmax(),
        ]
    )
