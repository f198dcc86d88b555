"""Export for microWakeWord: what ESPHome, Linux Voice Assistant and pymicro-wakeword load.

For one word, a streaming TFLite model that keeps its states itself, in resource variables: int8
features ``[1, chunk, 40]`` to the word's probability, uint8 ``[1, 1]``. Beside it a JSON file,
version 2 of their format, with the settings of the detection.
"""

import json
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kws_edge.errors import ConfigError, ModelError
from kws_edge.features.micro import BANDS, LARGEST, Micro
from kws_edge.files import write_atomically
from kws_edge.model.interpreter import make_interpreter
from kws_edge.types import FloatArray
from training.data.clips import Clip
from training.export.convert import Graph, calibration_windows, compact, quantize
from training.export.verify import POSTERIOR_TOLERANCE
from training.networks.streaming_form import chunk_of, first_states, streaming_form
from training.networks.ts_resnet import PROBABILITY
from training.train.run import Run

# Bytes that ESPHome reserves for tensors, besides a fifth of the file. TFLite Micro took 31 KB for
# a file of 24 KB and 35 KB for one of 73, on x86-64, where its pointers are twice an ESP32's; the
# rest is for the buffers of faster kernels.
ARENA_BYTES = 30_000
MINIMUM_ESPHOME = "2024.7.0"  # the first that reads version 2


def check_run(run: Run) -> None:
    """Raises `ConfigError` for a run of other features or another architecture."""
    features, network = run.config.features.kind, run.config.network.architecture
    if (features, network) != (Micro.name, "wake_word"):
        raise ConfigError(
            f"{run.folder}: features.kind {features} and network.architecture {network}, but"
            f" microWakeWord needs {Micro.name} and wake_word: see training/configs/wake-word.yaml"
        )


def export_word(
    run: Run, clips: Sequence[Clip], output: Path, *, wake_word: str, author: str, language: str
) -> tuple[Path, Path, float]:
    """Write ``output/<name>.json`` and ``.tflite``; their paths, and the 99th percentile of the
    difference between the model's probability and the trained network's.

    ``clips`` are of the training part, for the ranges of int8. Raises `ModelError` where the model
    differs too much.
    """
    config = run.config
    chunk = chunk_of(config)
    graph = self_contained_graph(run, clips, chunk)
    flatbuffer = _converted(graph)
    difference = _difference(graph, flatbuffer)
    if difference > POSTERIOR_TOLERANCE["int8"]:
        raise ModelError(f"{run.folder}: int8 differs by {difference:.2f} from the trained network")
    output.mkdir(parents=True, exist_ok=True)
    model, description = output / f"{config.name}.tflite", output / f"{config.name}.json"
    detector = config.detector
    chunk_ms = chunk * config.features.frame_step_ms
    content = {
        "type": "micro",
        "wake_word": wake_word,
        "author": author,
        "model": model.name,
        "trained_languages": [language],
        "version": 2,
        "micro": {
            "probability_cutoff": detector.threshold_of(config.labels[0]),
            "feature_step_size": round(config.features.frame_step_ms),
            "sliding_window_size": max(1, math.ceil(detector.smoothing_ms / chunk_ms)),
            "tensor_arena_size": ARENA_BYTES + len(flatbuffer) // 5,
            "minimum_esphome_version": MINIMUM_ESPHOME,
        },
    }
    write_atomically(model, flatbuffer)
    write_atomically(description, json.dumps(content, indent=2).encode() + b"\n")
    return description, model, difference


def self_contained_graph(run: Run, clips: Sequence[Clip], chunk: int) -> Graph:
    """``features`` of a chunk to ``probability``; the states are variables of the graph."""
    import keras

    model = streaming_form(run.config, run.network(), chunk)
    word = keras.Model(model.inputs, [model.get_layer(PROBABILITY).output, *model.outputs[1:]])
    owner = tf.Module()
    owner.kept = [variable.value for variable in word.variables]
    owner.states = [tf.Variable(state) for state in first_states(model)]

    def call(features: Any) -> dict[str, Any]:
        probability, *after = word(
            [tf.reshape(features, (1, chunk, BANDS, 1)), *owner.states], training=False
        )
        for state, value in zip(owner.states, after, strict=True):
            state.assign(value)
        return {"probability": probability}

    def examples() -> Iterator[dict[str, FloatArray]]:
        # the scale of the input is fixed: ESPHome quantises features before any model sees them
        ends = np.resize(np.array([0, LARGEST], np.float32), (1, chunk, BANDS))
        yield {"features": ends}
        for window in calibration_windows(run, clips):
            for start in range(len(window) % chunk, len(window), chunk):
                part = window[np.newaxis, start : start + chunk].astype(np.float32)
                yield {"features": np.clip(part, 0, LARGEST)}

    spec = tf.TensorSpec((1, chunk, BANDS), tf.float32, name="features")
    return Graph(tf.function(call).get_concrete_function(spec), owner, examples)


def _converted(graph: Graph) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.function], graph.owner)
    quantize(converter, "int8", graph.examples)
    converter.inference_output_type = tf.uint8
    converter._experimental_variable_quantization = True  # else the states stay float32
    return compact(converter.convert())


CHECKED_CHUNKS = 3000


def _difference(graph: Graph, flatbuffer: bytes) -> float:
    """Over the first examples, as one stream: the 99th percentile."""
    interpreter: Any = make_interpreter(flatbuffer)
    [input_], [output] = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = input_["quantization"]
    differences = []
    for example in islice(graph.examples(), CHECKED_CHUNKS):
        features = example["features"]
        quantised = np.clip(np.rint(features / scale + zero), -128, 127).astype(np.int8)
        interpreter.set_tensor(input_["index"], quantised)
        interpreter.invoke()
        found = interpreter.get_tensor(output["index"])[0, 0] * output["quantization"][0]
        expected = float(graph.function(tf.constant(features))["probability"])
        differences.append(abs(found - expected))
    return float(np.quantile(differences, 0.99))
