"""The network that a configuration describes, on any Keras backend, and what it costs."""

import math
import time
from typing import Any

import keras
import numpy as np

from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.model.probe import probe_signal
from training.config import TrainingConfig
from training.networks.registry import architecture


def network(config: TrainingConfig, **options: Any) -> keras.Model:
    """The network with random weights, not compiled.

    ``options`` go to the architecture: ``context`` for its streaming form.
    """
    make, shape = architecture(config.network.architecture), (*config.features.shape, 1)
    if config.network.width is not None:
        options["width"] = config.network.width
    model: keras.Model = make(shape, len(config.labels), **options)
    return model


def uncompiled(model: keras.Model, config: TrainingConfig) -> keras.Model:
    """The trained ``model`` without its optimizer, whose state would make a file of weights two
    or three times as large."""
    bare = network(config)
    bare.set_weights(model.get_weights())
    return bare


# What LiteRT does on one core of a laptop-class x86-64 processor with a float32 2-D
# convolution (134 million multiply-accumulates of the lab's CNN in 2.9 ms): it only turns
# the work into the unit of the features' time, so that a search can weigh their sum.
MULTIPLY_ACCUMULATES_PER_MS = 46e6

_WORKING = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.Dense,
)


def multiply_accumulates(model: keras.Model) -> int:
    """Multiplications of one inference: convolutions and dense layers; the rest is small."""
    # each weight of a kernel works once for each place of the output
    return sum(
        math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
        for layer in model.layers
        if isinstance(layer, _WORKING)
    )


def features_ms(config: FeatureConfig, repetitions: int = 100) -> float:
    """Median time of the front end for one window, on this machine as busy as it is."""
    front_end, signal = FrontEnd(config), probe_signal(config)
    times = []
    for _ in range(repetitions + 10):
        started = time.perf_counter()
        front_end(signal)
        times.append((time.perf_counter() - started) * 1000)
    return float(np.median(times[10:]))  # the first ones warm up


def estimated_latency_ms(features: float, work: int) -> float:
    """Features and network together, for choosing; the report measures the real thing."""
    return features + work / MULTIPLY_ACCUMULATES_PER_MS


def size_kb(parameters: int) -> float:
    """About what the float32 model file takes, KB."""
    return parameters * 4 / 1024
