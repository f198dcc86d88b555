"""The posteriors of a network on a stream, computed once and cached on disk.

They do not depend on threshold, smoothing or refractory time.
"""

import dataclasses
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import kws_edge
from kws_edge.detection.detector import DetectorConfig
from kws_edge.engine import spot
from kws_edge.files import write_atomically
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import ModelFile
from kws_edge.model.interpreter import interpreter_name
from kws_edge.sources.base import AudioFile
from kws_edge.spotter import Decision, KeywordSpotter
from kws_edge.types import FloatArray
from training.data.loading import code_digest
from training.evaluation.streams.compose import StreamFile

# the detector settings that change when the network runs; tuning varies the others
TIMING = ("hop_ms", "gate_dbfs")


@dataclass(frozen=True)
class Posteriors:
    """``values [n, labels]`` of the windows that end at ``samples [n]``, in a stream of
    ``seconds`` length."""

    stream: StreamFile
    seconds: float
    samples: npt.NDArray[np.int64]
    values: FloatArray


def posteriors_of(
    stream: StreamFile, file: ModelFile, config: DetectorConfig, cache: Path
) -> Posteriors:
    """Read the posteriors from ``cache``, or run the spotter and store them.

    Raises `MissingFileError`, `DataError`.
    """
    source = AudioFile(stream.path, file.manifest.features.sample_rate)
    path = cache / f"{_key(stream.path, file, config)}.npz"
    if not path.exists():
        samples, values = _decisions(source, file, config)
        _write(path, seconds=np.float64(source.seconds), samples=samples, values=values)
    with np.load(path) as kept:
        return Posteriors(stream, float(kept["seconds"]), kept["samples"], kept["values"])


def _decisions(
    source: AudioFile, file: ModelFile, config: DetectorConfig
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    decisions: list[Decision] = []
    spotter = KeywordSpotter(Classifier(file), config, on_decision=decisions.append)
    for _ in spot(source, spotter):
        pass  # tuning uses the posteriors, not the detections with these settings
    labels = len(file.manifest.labels)
    values = np.array([decision.posteriors for decision in decisions], np.float32)
    return (
        np.array([decision.sample for decision in decisions], np.int64),
        values.reshape(len(decisions), labels),
    )


def _key(path: Path, file: ModelFile, config: DetectorConfig) -> str:
    """A digest of everything the posteriors depend on: sound, network, settings and code."""
    settings = {name: getattr(config, name) for name in TIMING}
    digest = hashlib.sha256(file.manifest.flatbuffer.sha256.encode())
    features = dataclasses.asdict(file.manifest.features)
    digest.update(json.dumps([settings, features, interpreter_name(), np.__version__]).encode())
    digest.update(code_digest(kws_edge).encode())
    with path.open("rb") as sound:
        while block := sound.read(2**20):
            digest.update(block)
    return f"{path.stem}-{digest.hexdigest()[:16]}"


def _write(path: Path, **arrays: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    np.savez(file, **arrays)
    write_atomically(path, file.getvalue())
