"""Time in a network: a whole window at once or a stream chunk by chunk, from one definition.

An architecture's convolutions are 'valid' in time and stand behind `Context.join`, which
gives them the frames before. Over a window these are the window's own; in a stream they are
a state, kept between calls (streaming layers with external states: Rybakov et al. 2020,
arXiv:2005.06720). Nothing is padded in time, so that both forms see the same numbers.
"""

from typing import Any, Protocol

import keras

from kws_edge.errors import ConfigError

# Keras has no types: a symbolic tensor, [n, frames, height, channels] throughout.
Tensor = Any


class Context(Protocol):
    """Where layers that look across time get their frames from."""

    def features(self, shape: tuple[int, int, int]) -> Tensor:
        """The network's input, of windows of ``shape`` (frames, width, 1)."""

    def join(self, x: Tensor, frames: int) -> Tensor:
        """``x`` behind the ``frames`` frames that came before it."""

    def mean(self, x: Tensor) -> Tensor:
        """Mean over the frames of a window and over all of its height: ``[n, channels]``."""

    def model(self, features: Tensor, posteriors: Tensor) -> keras.Model:
        """The network between them."""


class Windowed:
    """A whole window in each call: its first frames are the past of the others."""

    def features(self, shape: tuple[int, int, int]) -> Tensor:
        return keras.Input(shape, name="features")

    def join(self, x: Tensor, frames: int) -> Tensor:
        return x

    def mean(self, x: Tensor) -> Tensor:
        return keras.layers.GlobalAveragePooling2D()(x)

    def model(self, features: Tensor, posteriors: Tensor) -> keras.Model:
        return keras.Model(features, posteriors)


def receptive(
    context: Context, x: Tensor, kernel: int, stride: int = 1, dilation: int = 1
) -> Tensor:
    """``x`` as a convolution of ``kernel`` frames needs it, its last frame in the last place.

    Where a window does not fit the stride, frames at its front are left out: a stream, of
    which only the end is known, has the same phase.
    """
    span = dilation * (kernel - 1) + 1
    joined = context.join(x, span - stride)
    if joined.shape[1] < span:
        raise ConfigError(
            f"features: a window of too few frames for this architecture: a layer"
            f" that sees {span} is left {joined.shape[1]}"
        )
    surplus = (joined.shape[1] - span) % stride
    return joined[:, surplus:] if surplus else joined


def time_stride(frames: int) -> int:
    """Frames in a step of the output that make about 80 ms: 4 of 20 ms, 8 of 10 ms.

    ``frames`` are those of a window of 1 s.
    """
    return 4 if frames < 70 else 8
