"""What a decision of a configuration costs: time of the features, work of the network, size."""

import math
import time

import keras
import numpy as np

from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.model.probe import probe_signal

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
