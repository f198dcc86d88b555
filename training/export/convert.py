"""Conversion of a trained network to a model file: TFLite with its manifest."""

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from kws_edge.errors import ModelError
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import ModelFile, pack_model
from kws_edge.model.interpreter import make_interpreter
from kws_edge.model.manifest import (
    SCHEMA_VERSION,
    Flatbuffer,
    Manifest,
    Probe,
    State,
    StreamingTensors,
    tensor_spec,
)
from kws_edge.model.probe import probe_posteriors
from kws_edge.types import FloatArray
from training.config import attribution_text
from training.data.clips import Clip
from training.data.loading import window_features
from training.networks.streaming_form import first_states, streaming_form
from training.train.run import CALIBRATION, Run

TFLITE_IDENTIFIER = b"TFL3"
# TFLite's schema demands this alignment of weights; its Python object API does not apply it.
WEIGHTS_ALIGNMENT = 16


def compact(flatbuffer: bytes) -> bytes:
    """Remove names and signature, which nothing here reads, and store equal vectors once."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(flatbuffer))
    flatbuffer_utils.strip_strings(model)
    builder = _SharingBuilder(len(flatbuffer))
    builder.Finish(model.Pack(builder), file_identifier=TFLITE_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers has no types
    """Writes a vector of numbers that it has written before as a reference to that one.

    Readers see no difference: a flatbuffer is made of relative offsets, and nothing is changed in
    place. Vectors of offsets are left: equal bytes point elsewhere from elsewhere.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[int, bytes], int] = {}
        # of the vector that is being written; positions are counted from the buffer's end
        self._before = self._end = 0
        self._alignment = 0
        self._of_offsets = False

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        self._before, self._of_offsets = self.Offset(), False
        self._alignment = WEIGHTS_ALIGNMENT if elemSize == 1 else alignment
        self._end = int(super().StartVector(elemSize, numElems, self._alignment))
        return self._end

    def PrependUOffsetTRelative(self, off: int) -> None:  # noqa: N802
        self._of_offsets = True
        super().PrependUOffsetTRelative(off)

    def EndVector(self, numElems: Any = None) -> int:  # noqa: N802, N803
        offset: int = super().EndVector(numElems)
        if self._of_offsets or not self._alignment:  # no alignment: a string
            return offset
        content = bytes(self.Bytes[self.head : len(self.Bytes) - self._end])
        known = self._written.setdefault((self._alignment, content), offset)
        self._alignment = 0
        if known != offset:
            self.head: int = len(self.Bytes) - self._before
        return known


def describe_streaming(flatbuffer: bytes, chunk: int) -> StreamingTensors:
    """Read from the names of a flatbuffer's signature, as `streaming_graph` gives them.

    Raises `ModelError` where the converter gave the two ends of a state different scales.
    """
    interpreter: Any = make_interpreter(flatbuffer)
    runner = interpreter.get_signature_runner()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    read = _numbers(runner.get_input_details(), inputs)
    written = _numbers(runner.get_output_details(), outputs)
    features, posteriors = read.pop("features"), written.pop("posteriors")
    states = []
    for name in sorted(read, key=read.__getitem__):
        spec, other = tensor_spec(inputs[read[name]]), tensor_spec(outputs[written[name]])
        if spec != other:
            raise ModelError(f"{name}: read as {spec}, but written as {other}")
        states.append(State(read[name], written[name], spec))
    return StreamingTensors(chunk, features, posteriors, tuple(states))


def _numbers(named: dict[str, Any], details: list[dict[str, Any]]) -> dict[str, int]:
    """The places in ``details`` of the tensors of a signature."""
    places = {detail["index"]: number for number, detail in enumerate(details)}
    return {name: places[detail["index"]] for name, detail in named.items()}


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
        for window in calibration_windows(run, clips):
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
        for window in calibration_windows(run, clips):
            states_now = dict(zip(states, first_states(model), strict=True))
            for start in range(len(window) % chunk, len(window), chunk):
                part = window[np.newaxis, start : start + chunk, :, np.newaxis]
                yield {"features": part, **states_now}
                found = function(tf.constant(part), *map(tf.constant, states_now.values()))
                states_now = {name: found[name].numpy() for name in states}

    return Graph(function, owner, examples)


def calibration_windows(run: Run, clips: Sequence[Clip]) -> Iterator[FloatArray]:
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
    quantize(converter, quantization, graph.examples)
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


def quantize(converter: Any, quantization: str, representative: Any) -> None:
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
