"""Does a converted model give, in the runtime, the posteriors of the trained network?

The runtime runs as users run it, ``kws-edge predict``, in a process of its own for each
interpreter; the trained network runs in TensorFlow on TensorFlow's features.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws_edge.errors import ModelError
from kws_edge.model.file import read_model
from kws_edge.model.interpreter import CHOICE_VARIABLE
from kws_edge.model.manifest import Manifest
from kws_edge.types import FloatArray
from training.data.clips import Clip
from training.data.tf_dataset import TfClips
from training.train.run import Run

# What a converted model may differ by, over the clips it is checked on: the 99th
# percentile of the largest difference of a posterior, and the loss of accuracy.
POSTERIOR_TOLERANCE = {"float32": 0.002, "float16": 0.02, "dynamic": 0.25, "int8": 0.35}
ACCURACY_TOLERANCE = {"float32": 0.002, "float16": 0.003, "dynamic": 0.01, "int8": 0.01}

INTERPRETERS = {"litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}


@dataclass(frozen=True)
class Check:
    """One model in one interpreter against the trained network."""

    model: str
    interpreter: str
    clips: int
    posterior_difference: float
    accuracy: float
    accuracy_drop: float
    passed: bool

    def __str__(self) -> str:
        return (
            f"{self.model} in {self.interpreter}: {'ok' if self.passed else 'DIFFERS'};"
            f" posteriors within {self.posterior_difference:.4f} of the trained network's on"
            f" 99 % of {self.clips} clips, accuracy {self.accuracy:.2%}"
            f" ({-self.accuracy_drop + 0.0:+.2%})"
        )


def available_interpreters() -> list[str]:
    """Those of LiteRT and tflite-runtime that are installed."""
    return [name for name, module in INTERPRETERS.items() if importlib.util.find_spec(module)]


def check_model(model: Path, run: Run, clips: Sequence[Clip]) -> list[Check]:
    """Compare on ``clips``, in every interpreter that is installed.

    Raises `ModelError` where the runtime does not get through all clips.
    """
    manifest = read_model(model).manifest
    expected = trained_posteriors(run, clips, manifest)
    targets = np.array([manifest.labels.index(clip.label) for clip in clips])
    return [
        judge(manifest, name, expected, runtime_posteriors(model, clips, name), targets)
        for name in available_interpreters()
    ]


def judge(
    manifest: Manifest,
    interpreter: str,
    expected: FloatArray,
    found: FloatArray,
    targets: npt.NDArray[np.int64],
) -> Check:
    """Posteriors ``[clips, labels]`` that were expected and found; ``targets [clips]``."""
    difference = float(np.quantile(np.abs(found - expected).max(axis=1), 0.99))
    accuracy = float(np.mean(found.argmax(axis=1) == targets))
    drop = float(np.mean(expected.argmax(axis=1) == targets)) - accuracy
    quantization = manifest.flatbuffer.quantization
    passed = (
        difference <= POSTERIOR_TOLERANCE[quantization] and drop <= ACCURACY_TOLERANCE[quantization]
    )
    return Check(manifest.name, interpreter, len(targets), difference, accuracy, drop, passed)


def trained_posteriors(run: Run, clips: Sequence[Clip], manifest: Manifest) -> FloatArray:
    """``[clips, labels]`` of the SavedModel on TensorFlow's own features."""
    run.export_saved_model()
    loaded = tf.saved_model.load(str(run.folder))
    batches = TfClips(clips, manifest.labels, manifest.features).batches(64)
    return np.concatenate([loaded.serve(features).numpy() for features, _ in batches])


def runtime_posteriors(model: Path, clips: Sequence[Clip], interpreter: str) -> FloatArray:
    """``[clips, labels]`` of ``kws-edge predict --json`` with one interpreter."""
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "kws_edge",
            "predict",
            "--json",
            "--model",
            str(model),
            *(str(clip.path) for clip in clips),
        ],
        env={**os.environ, CHOICE_VARIABLE: interpreter},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
        raise ModelError(f"{model}: the runtime failed with {interpreter}: {lines[-1]}")
    posteriors = [json.loads(line)["posteriors"] for line in result.stdout.splitlines()]
    return np.array([list(p.values()) for p in posteriors], np.float32)
