"""One word against everything else: the blocks of ts_resnet and a probability of the word alone.

What microWakeWord runs ends in the probability of one word, a logistic function. A softmax over
several labels is no logistic function of one number; so the word is asked for first, and the
labels that are no words share the rest.
"""

import keras

from kws_edge.errors import ConfigError
from training.networks.layers import Context, Tensor, Windowed
from training.networks.ts_resnet import pooled

PROBABILITY = "word"  # the layer whose output is the word's probability, [n, 1]
LABELS = 3  # the word, other words, silence


def wake_word(
    input_shape: tuple[int, int, int],
    num_labels: int,
    width: int = 48,
    context: Context | None = None,
) -> keras.Model:
    """Features ``[n, frames, bands, 1]`` to posteriors ``[n, 3]``; ``width`` as in `ts_resnet`.

    Raises `ConfigError` for more words than one.
    """
    if num_labels != LABELS:
        raise ConfigError(
            f"network.architecture: wake_word has {LABELS} labels (one word in data.words, and"
            f" windows), not {num_labels}; train a network for each word"
        )
    context = context or Windowed()
    features, x = pooled(context, input_shape, width)
    return context.model(features, _word_first(keras.layers.Dense(num_labels)(x)))


def _word_first(logits: Tensor) -> Tensor:
    """``[n, labels]``: the logistic function of the first; the others share the rest by their
    softmax."""
    word = keras.layers.Activation("sigmoid", name=PROBABILITY)(logits[:, :1])
    others = keras.layers.Softmax()(logits[:, 1:])
    return keras.layers.Concatenate()([word, (1 - word) * others])
