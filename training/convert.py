"""From a SavedModel to a model file that the runtime loads: TFLite and its manifest."""

import dataclasses
import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kws_edge.audio import one_window, read_audio
from kws_edge.errors import DataError, MissingFileError
from kws_edge.features import FrontEnd
from kws_edge.interpreter import make_interpreter
from kws_edge.manifest import SCHEMA_VERSION, Flatbuffer, Manifest, Probe
from kws_edge.model import Classifier, tensor_spec
from kws_edge.model_file import ModelFile, pack_model
from kws_edge.probe import probe_posteriors
from kws_edge.tables import FloatArray
from kws_edge.yaml_file import load
from training.config import RunConfig
from training.dataset.index import Clip

QUANTIZATIONS = ("float32", "float16", "dynamic", "int8")
CALIBRATION_CLIPS = 400
ATTRIBUTION = (
    "Trained on Mini Speech Commands, a part of Speech Commands v0.02 by Pete Warden and"
    " Google (arXiv:1804.03209), licensed CC BY 4.0."
)

# Largest difference of a posterior of the probe between interpreters and processors.
PROBE_TOLERANCE = {"float32": 0.005, "float16": 0.02, "dynamic": 0.1, "int8": 0.1}


def read_run(run: Path) -> tuple[RunConfig, dict[str, Any]]:
    """Configuration and metrics of a folder that ``train`` made."""
    config = load(run / "config.yaml", RunConfig)
    try:
        metrics = json.loads((run / "metrics.json").read_text())
    except OSError as error:
        raise MissingFileError(f"{run / 'metrics.json'}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{run / 'metrics.json'}: not JSON ({error})") from error
    return config, metrics


def convert(run: Path, quantization: str, calibration: tuple[Clip, ...], output: Path) -> Path:
    """Write ``output/<name>-<quantization>.tflite``; returns its path.

    ``calibration`` are clips of the training part, for the ranges of int8.
    """
    config, metrics = read_run(run)
    loaded = tf.saved_model.load(str(run))
    # batch 1 throughout: a fixed shape is what the interpreters' fast kernels want
    spec = tf.TensorSpec((1, *config.features.shape, 1), tf.float32, name="features")
    function = tf.function(lambda features: loaded.serve(features)).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], loaded)
    _quantize(converter, quantization, _representative(config, calibration))
    flatbuffer: bytes = converter.convert()
    manifest = _describe(run, config, metrics, flatbuffer, quantization)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{config.name}-{quantization}.tflite"
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


def _representative(
    config: RunConfig, clips: tuple[Clip, ...]
) -> Callable[[], Iterator[list[FloatArray]]]:
    chosen = random.Random(config.seed).sample(clips, min(CALIBRATION_CLIPS, len(clips)))
    front_end = FrontEnd(config.features)

    def batches() -> Iterator[list[FloatArray]]:
        for clip in chosen:
            audio = read_audio(clip.path, config.features.sample_rate)
            features = front_end(one_window(audio, config.features.window_samples))
            yield [features[np.newaxis, ..., np.newaxis]]

    return batches


def _describe(
    run: Path, config: RunConfig, metrics: dict[str, Any], flatbuffer: bytes, quantization: str
) -> Manifest:
    interpreter = make_interpreter(flatbuffer)
    (input_,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    draft = Manifest(
        schema_version=SCHEMA_VERSION,
        name=f"{config.name}-{quantization}",
        run_id=run.resolve().name,
        git_commit=metrics["git_commit"],
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        labels=config.labels,
        features=config.features,
        input=tensor_spec(input_),
        output=tensor_spec(output),
        flatbuffer=Flatbuffer(0, "", quantization),  # type: ignore[arg-type]
        detector=config.detector,
        probe=Probe((0.0,) * len(config.labels), PROBE_TOLERANCE[quantization]),
        metrics=(),
        attribution=ATTRIBUTION,
    )
    classifier = Classifier(ModelFile(run, draft, flatbuffer, len(flatbuffer)))
    posteriors = tuple(round(float(p), 6) for p in probe_posteriors(classifier))
    return dataclasses.replace(draft, probe=Probe(posteriors, PROBE_TOLERANCE[quantization]))
