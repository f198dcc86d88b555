"""Conversion of a trained network to a model file: TFLite with its manifest."""

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import ModelFile, pack_model
from kws_edge.model.interpreter import make_interpreter
from kws_edge.model.manifest import (
    SCHEMA_VERSION,
    Flatbuffer,
    Manifest,
    Probe,
    StreamingTensors,
    tensor_spec,
)
from kws_edge.model.probe import probe_posteriors
from kws_edge.types import FloatArray
from training.config import attribution_text
from training.data.clips import Clip
from training.data.loading import window_features
from training.export.flatbuffer import compact, describe_streaming
from training.networks.streaming_form import first_states, streaming_form
from training.train.run import CALIBRATION, Run

CALIBRATION_CLIPS = 400


@dataclass(frozen=True)
class Graph:
    """``function`` maps tensors by name; ``owner`` holds its variables. ``examples`` gives
    values of all inputs by name, again and again the same.
    """

    function: Any
    owner: Any
    examples: Callable[[], Iterator[dict[str, FloatArray]]]


def windowed_graph(run: Run, clips: Sequence[Clip]) -> Graph:
    """``features`` of a window to ``posteriors``, from the run's SavedModel."""
    loaded = tf.saved_model.load(str(run.folder))
    # batch 1 throughout: a fixed shape is what the interpreters' fast kernels want
    spec = tf.TensorSpec((1, *run.config.features.shape, 1), tf.float32, name="features")

    def call(features: Any) -> dict[str, Any]:
        return {"posteriors": loaded.serve(features)}

    def examples() -> Iterator[dict[str, FloatArray]]:
        for window in _windows(run, clips):
            yield {"features": window[np.newaxis, ..., np.newaxis]}

    return Graph(tf.function(call).get_concrete_function(spec), loaded, examples)


def streaming_graph(run: Run, clips: Sequence[Clip], chunk: int) -> Graph:
    """``features`` of a chunk and ``state_0``... to ``posteriors`` and the states after it.

    The examples are the clips as in a stream, each preceded by silence, so that the states
    have the ranges that they take.
    """
    model = streaming_form(run.config, run.network(), chunk)
    owner = tf.Module()
    owner.kept = [variable.value for variable in model.variables]
    specs = [tf.TensorSpec(x.shape, tf.float32, name=x.name) for x in model.inputs]
    states = [spec.name for spec in specs[1:]]

    def call(*inputs: Any) -> dict[str, Any]:
        return dict(zip(["posteriors", *states], model(list(inputs), training=False), strict=True))

    function = tf.function(call).get_concrete_function(*specs)

    def examples() -> Iterator[dict[str, FloatArray]]:
        for window in _windows(run, clips):
            states_now = dict(zip(states, first_states(model), strict=True))
            for start in range(len(window) % chunk, len(window), chunk):
                part = window[np.newaxis, start : start + chunk, :, np.newaxis]
                yield {"features": part, **states_now}
                found = function(tf.constant(part), *map(tf.constant, states_now.values()))
                states_now = {name: found[name].numpy() for name in states}

    return Graph(function, owner, examples)


def _windows(run: Run, clips: Sequence[Clip]) -> Iterator[FloatArray]:
    """``[frames, width]`` each: windows that the run kept for this, or some of ``clips``."""
    if (run.folder / CALIBRATION).exists():
        yield from np.load(run.folder / CALIBRATION)
        return
    chosen = random.Random(run.config.seed).sample(clips, min(CALIBRATION_CLIPS, len(clips)))
    front_end = FrontEnd(run.config.features)
    for clip in chosen:
        yield window_features(clip, front_end)


QUANTIZATIONS = ("float32", "float16", "dynamic", "int8")
# Largest difference of a posterior of the probe between interpreters and processors.
PROBE_TOLERANCE = {"float32": 0.005, "float16": 0.02, "dynamic": 0.1, "int8": 0.1}


def convert(
    run: Run,
    quantization: str,
    calibration: tuple[Clip, ...],
    output: Path,
    *,
    chunk: int | None = None,
) -> Path:
    """Write ``output/<name>-<quantization>.tflite``; returns its path.

    ``calibration`` are clips of the training part, for the ranges of int8. With ``chunk``
    frames it is the streaming form, ``<name>-streaming-<quantization>.tflite``.
    """
    config = run.config
    run.export_saved_model()
    if chunk is None:
        name, graph = config.name, windowed_graph(run, calibration)
    else:
        name = f"{config.name}-streaming"
        graph = streaming_graph(run, calibration, chunk)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.function], graph.owner)
    _quantize(converter, quantization, graph.examples)
    converted: bytes = converter.convert()
    streaming = None if chunk is None else describe_streaming(converted, chunk)
    flatbuffer = compact(converted)
    draft = _draft(run, flatbuffer, quantization, streaming)
    manifest = _probed(dataclasses.replace(draft, name=f"{name}-{quantization}"), flatbuffer)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{manifest.name}.tflite"
    partial = path.with_suffix(".partial")
    partial.write_bytes(pack_model(manifest, flatbuffer))
    return partial.rename(path)


def _quantize(converter: Any, quantization: str, representative: Any) -> None:
    if quantization == "float32":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # Per-channel weights of dense layers raise the operator's version beyond what
    # tflite-runtime 2.14 knows; per tensor, both runtimes load the model.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif quantization == "int8":
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8


def _draft(
    run: Run,
    flatbuffer: bytes,
    quantization: str,
    streaming: StreamingTensors | None,
) -> Manifest:
    """The manifest, but for its name and what the probe gives."""
    config, interpreter = run.config, make_interpreter(flatbuffer)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=config.name,
        run_id=run.folder.resolve().name,
        git_commit=run.metrics()["git_commit"],
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        labels=config.labels,
        features=config.features,
        input=tensor_spec(inputs[streaming.input if streaming else 0]),
        output=tensor_spec(outputs[streaming.output if streaming else 0]),
        flatbuffer=Flatbuffer(len(flatbuffer), "", quantization),  # type: ignore[arg-type]
        detector=config.detector,
        probe=Probe((0.0,) * len(config.labels), PROBE_TOLERANCE[quantization]),
        metrics=(),
        attribution=attribution_text(config.attribution),
        streaming=streaming,
    )


def _probed(draft: Manifest, flatbuffer: bytes) -> Manifest:
    """``draft`` with the posteriors that its network gives of the probe signal."""
    classifier = Classifier(ModelFile(Path(draft.name), draft, flatbuffer, len(flatbuffer)))
    posteriors = tuple(round(float(p), 6) for p in probe_posteriors(classifier))
    return dataclasses.replace(draft, probe=dataclasses.replace(draft.probe, posteriors=posteriors))
