"""Export for microWakeWord: the files that ESPHome and pymicro-wakeword load, one word each.

A streaming TFLite model that keeps its states itself, in resource variables: int8 features
``[1, frames, 40]`` to the word's probability, uint8 ``[1, 1]``. Beside it a JSON file, version 2,
with what the detection needs.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from kws_edge.errors import ConfigError, ModelError
from kws_edge.features.micro import BANDS, LARGEST, Micro
from kws_edge.files import write_atomically
from kws_edge.model.interpreter import make_interpreter
from kws_edge.types import FloatArray
from training.data.clips import Clip
from training.export.convert import Graph, calibration_windows, quantize
from training.networks.streaming_form import chunk_of, first_states, streaming_form
from training.networks.wake_word import PROBABILITY
from training.train.run import Run

# What ESPHome's interpreter knows (esphome/components/micro_wake_word/streaming_model.cpp, 2025).
OPERATORS = frozenset(
    "CALL_ONCE VAR_HANDLE RESHAPE READ_VARIABLE STRIDED_SLICE CONCATENATION ASSIGN_VARIABLE CONV_2D"
    " MUL ADD MEAN FULLY_CONNECTED LOGISTIC QUANTIZE DEPTHWISE_CONV_2D AVERAGE_POOL_2D MAX_POOL_2D"
    " PAD PACK SPLIT_V".split()
)
MOST_VARIABLES = 20  # that ESPHome makes room for


def self_contained_graph(run: Run, clips: Sequence[Clip], chunk: int) -> Graph:
    """``features`` of a chunk to the word's probability; the states are variables."""
    import keras

    model = streaming_form(run.config, run.network(), chunk)
    word = keras.Model(model.inputs, [model.get_layer(PROBABILITY).output, *model.outputs[1:]])
    owner = tf.Module()
    owner.kept = [variable.value for variable in word.variables]
    owner.states = [tf.Variable(state) for state in first_states(model)]

    def call(features: Any) -> dict[str, Any]:
        inputs = tf.reshape(features, (1, chunk, BANDS, 1))
        probability, *after = word([inputs, *owner.states], training=False)
        for state, value in zip(owner.states, after, strict=True):
            state.assign(value)
        return {"probability": probability}

    def examples() -> Iterator[dict[str, FloatArray]]:
        yield {"features": np.linspace(0, LARGEST, chunk * BANDS, dtype=np.float32).reshape(1, chunk, BANDS)}
        for window in calibration_windows(run, clips):
            for start in range(len(window) % chunk, len(window), chunk):
                yield {"features": np.minimum(window[np.newaxis, start : start + chunk], LARGEST)}

    spec = tf.TensorSpec((1, chunk, BANDS), tf.float32, name="features")
    return Graph(tf.function(call).get_concrete_function(spec), owner, examples)
