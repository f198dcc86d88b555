"""The streaming form of a trained network, with its weights."""

import re
from pathlib import Path

import keras
import numpy as np

from kws_edge.config.yaml_file import load
from kws_edge.errors import ConfigError
from kws_edge.types import FloatArray
from training.config import RunConfig
from training.networks import STREAMING_ARCHITECTURES
from training.networks.context import time_stride
from training.networks.stream import Streaming
from training.train.restore import trained_network


def chunk_of(config: RunConfig, chunk_ms: float | None = None) -> int:
    """Frames in a chunk of ``chunk_ms``, by default about 80 ms.

    Raises `ConfigError` where the architecture has no streaming form or takes no such chunk.
    """
    if config.architecture not in STREAMING_ARCHITECTURES:
        raise ConfigError(
            f"architecture: {config.architecture} has no streaming form, which"
            f" {', '.join(STREAMING_ARCHITECTURES)} have"
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


def streaming_run(run: Path, chunk: int) -> keras.Model:
    """The streaming form of the trained network in the folder ``run``; see `streaming_form`."""
    return streaming_form(load(run / "config.yaml", RunConfig), trained_network(run), chunk)


def streaming_form(config: RunConfig, windowed: keras.Model, chunk: int) -> keras.Model:
    """``[features [1, chunk, width, 1], *states]`` to ``[posteriors [1, labels], *states]``.

    Fed the states that it gave with the chunk before, it gives the posteriors that
    ``windowed`` gives of the window that ends with the chunk, once so much has been heard.
    """
    architecture = STREAMING_ARCHITECTURES[config.architecture]
    shape, labels = (*config.features.shape, 1), len(config.labels)
    context = Streaming(chunk, _pooled(windowed))
    if config.width is None:
        model = architecture(shape, labels, context=context)
    else:
        model = architecture(shape, labels, config.width, context)
    for ours, theirs in zip(_weighted(model), _weighted(windowed), strict=True):
        ours.set_weights(theirs.get_weights())
    return model


def first_states(model: keras.Model) -> list[FloatArray]:
    """The states of a streaming network that has heard nothing: zeros."""
    return [np.zeros(state.shape, np.float32) for state in model.inputs[1:]]


def _pooled(windowed: keras.Model) -> int:
    pooling = [
        layer for layer in windowed.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)
    ]
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
