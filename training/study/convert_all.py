"""Every network that a sweep keeps, as TFLite of each quantization, checked in the runtime."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.errors import ModelError
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import read_model
from kws_edge.model.interpreter import CHOICE_VARIABLE, interpreter_name
from kws_edge.types import FloatArray
from training.config import RunConfig
from training.data.clips import Clip
from training.data.loading import features_of, load_split
from training.data.splits import Split
from training.evaluation.predict import posteriors_of
from training.export.check import available_interpreters, judge
from training.export.convert import convert, read_run
from training.study.outcome import outcome_of
from training.study.results import (
    QUANTIZATIONS,
    Agreement,
    Converted,
    Quantization,
    converted_path,
    model_name,
    tflite_path,
)
from training.study.store import put
from training.sweep.records import now
from training.train.provenance import git_commit
from training.train.restore import ensure_saved_model, restored_network

VALIDATION = {"official": "validation part", "lists": "validation part of the lists"}
LARGEST = re.compile(r"difference (?P<difference>\S+), .*\((?P<interpreter>[^()]*)\)")


@dataclass(frozen=True)
class Conversion:
    """Model files go to ``models``, what is known of them to ``results``."""

    results: Path
    models: Path

    def missing(self, key: str) -> list[Quantization]:
        """Quantizations of a trial of which the model or what is known of it is not there."""
        names = {q: model_name(key, q) for q in QUANTIZATIONS}
        return [
            quantization
            for quantization, name in names.items()
            if not converted_path(self.results, name).exists()
            or not tflite_path(self.models, name).exists()
        ]

    def run(self, folder: Path, split: Split) -> Iterator[Converted]:
        """Convert what is missing of the trial whose network lies in ``folder``."""
        config, _ = read_run(folder)
        clips = sorted(split.validation, key=lambda clip: clip.key)
        features = features_of(clips, config.features)
        ensure_saved_model(folder)
        network = restored_network(folder)
        expected = np.asarray(network.predict(features[..., None], batch_size=64, verbose=0))
        for quantization in self.missing(config.name):
            path = convert(folder, quantization, split.training, self.models)
            found = posteriors_of(Classifier.load(path), features)
            converted = describe(path, config, clips, expected, found)
            put(converted_path(self.results, path.stem), converted)
            yield converted


def describe(
    path: Path, config: RunConfig, clips: Sequence[Clip], expected: FloatArray, found: FloatArray
) -> Converted:
    """What is known of a model file, from posteriors ``[clips, labels]`` of the trained
    network and those that the runtime ``found``.
    """
    file = read_model(path)
    manifest, interpreter = file.manifest, interpreter_name()
    targets = np.array([config.labels.index(clip.label) for clip in clips], np.int64)
    check = judge(manifest, interpreter, expected, found, targets)
    here = Agreement(interpreter, "validation clips", check.posterior_difference, check.passed)
    return Converted(
        key=config.name,
        quantization=manifest.flatbuffer.quantization,  # type: ignore[arg-type]
        sha256=manifest.flatbuffer.sha256,
        size_kb=file.size / 1024,
        agreements=(here, *_elsewhere(path, interpreter)),
        validation=outcome_of(found.argmax(axis=1), clips, config.labels, VALIDATION[config.split]),
        interpreter=interpreter,
        git_commit=git_commit(),
        finished=now(),
    )


def _elsewhere(path: Path, interpreter: str) -> Iterator[Agreement]:
    """The probe in the interpreters that this process does not use, each in its own."""
    for name in available_interpreters():
        if interpreter.startswith(name):
            continue
        result = subprocess.run(
            [sys.executable, "-m", "kws_edge", "check", "--model", str(path)],
            env={**os.environ, CHOICE_VARIABLE: name},
            capture_output=True,
            text=True,
            check=False,
        )
        found = LARGEST.search(result.stdout)
        if not found:
            lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
            raise ModelError(f"{path}: the runtime failed with {name}: {lines[-1]}")
        yield Agreement(
            found["interpreter"], "probe", float(found["difference"]), result.returncode == 0
        )


class Splits:
    """The parts of the data by how a run divides them; each is made, and checked for leaks,
    once.
    """

    def __init__(self, data: Path, split_lists: Path | None) -> None:
        self._data, self._split_lists = data, split_lists
        self._known: dict[object, Split] = {}

    def of(self, config: RunConfig) -> Split:
        name = (config.labels, config.split, config.allow_leaks)
        if name not in self._known:
            self._known[name] = load_split(config, self._data, self._split_lists)
        return self._known[name]
