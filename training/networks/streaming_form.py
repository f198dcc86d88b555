"""The streaming form of a network, with its trained weights: the past is kept as states."""

import re

import keras
import numpy as np

from kws_edge.errors import ConfigError
from kws_edge.types import FloatArray
from training.config import TrainingConfig
from training.networks.layers import Tensor, time_stride
from training.networks.network import network
from training.networks.registry import has_streaming_form, streaming_architectures


class Streaming:
    """``chunk`` frames in each call; the past of every layer is an input and an output.

    Mean and maximum go over the last ``pooled`` frames, as many as in the windowed form.
    """

    def __init__(self, chunk: int, pooled: int) -> None:
        self._chunk, self._pooled = chunk, pooled
        self._states: list[Tensor] = []
        self._new_states: list[Tensor] = []

    def features(self, shape: tuple[int, int, int]) -> Tensor:
        return keras.Input((self._chunk, *shape[1:]), batch_size=1, name="features")

    def join(self, x: Tensor, frames: int) -> Tensor:
        if frames <= 0:
            return x
        name = f"state_{len(self._states)}"
        state = keras.Input((frames, *x.shape[2:]), batch_size=1, name=name)
        joined = keras.layers.Concatenate(axis=1)([state, x])
        self._states.append(state)
        self._new_states.append(joined[:, -frames:])
        return joined

    def mean(self, x: Tensor) -> Tensor:
        return keras.layers.GlobalAveragePooling2D()(self._last(x))

    def maximum(self, x: Tensor) -> Tensor:
        return keras.layers.GlobalMaxPooling2D()(self._last(x))

    def _last(self, x: Tensor) -> Tensor:
        return self.join(x, self._pooled - x.shape[1])[:, -self._pooled :]

    def model(self, features: Tensor, posteriors: Tensor) -> keras.Model:
        """``[features, *states]`` to ``[posteriors, *new states]``, states in one order."""
        return keras.Model([features, *self._states], [posteriors, *self._new_states])


def chunk_of(config: TrainingConfig, chunk_ms: float | None = None) -> int:
    """Frames in a chunk of ``chunk_ms``, by default about 80 ms.

    Raises `ConfigError` where the architecture has no streaming form or takes no such chunk.
    """
    name = config.network.architecture
    if not has_streaming_form(name):
        raise ConfigError(
            f"architecture: {name} has no streaming form, which"
            f" {', '.join(streaming_architectures())} have"
        )
    frames, _ = config.features.shape
    stride, step_ms = time_stride(frames), config.features.frame_step_ms
    if chunk_ms is None:
        return stride
    chunk = round(chunk_ms / step_ms)
    if abs(chunk * step_ms - chunk_ms) > 1e-6 or chunk % stride or not 0 < chunk <= frames:
        raise ConfigError(
            f"chunk: {chunk_ms:g} ms is not a multiple of {stride * step_ms:g} ms, at most"
            f" {frames * step_ms:g}"
        )
    return chunk


def streaming_form(config: TrainingConfig, windowed: keras.Model, chunk: int) -> keras.Model:
    """``[features [1, chunk, width, 1], *states]`` to ``[posteriors [1, labels], *states]``.

    Fed the states that it gave with the chunk before, it gives the posteriors that
    ``windowed`` gives of the window that ends with the chunk, once the stream is that long.
    """
    model = network(config, context=Streaming(chunk, _pooled(windowed)))
    for ours, theirs in zip(_weighted(model), _weighted(windowed), strict=True):
        ours.set_weights(theirs.get_weights())
    return model


def first_states(model: keras.Model) -> list[FloatArray]:
    """The states of a streaming network before any audio: zeros."""
    return [np.zeros(state.shape, np.float32) for state in model.inputs[1:]]


def _pooled(windowed: keras.Model) -> int:
    kinds = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
    pooling = [layer for layer in windowed.layers if isinstance(layer, kinds)]
    frames: int = pooling[-1].input.shape[1]
    return frames


def _weighted(model: keras.Model) -> list[keras.Layer]:
    """The layers with weights in the order in which they were made.

    `Model.layers` goes by depth, which is another where states are joined; Keras counts the
    layers of a class in their names.
    """

    def made(layer: keras.Layer) -> tuple[str, int]:
        number = re.search(r"_(\d+)$", layer.name)
        return type(layer).__name__, int(number[1]) if number else 0

    return sorted((layer for layer in model.layers if layer.weights), key=made)
