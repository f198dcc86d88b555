"""Networks by name; each takes (input shape, number of labels) and ends in a softmax."""

from collections.abc import Callable

import keras

from training.architectures.lab_cnn import lab_cnn

ARCHITECTURES: dict[str, Callable[[tuple[int, int, int], int], keras.Model]] = {
    "lab_cnn": lab_cnn,
}
