"""What is kept of each converted network: RESULTS/models/, RESULTS/tests/, latency.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kws_edge.model.latency import Latency
from training.study.outcome import Outcome

Quantization = Literal["float32", "dynamic", "int8"]
QUANTIZATIONS: tuple[Quantization, ...] = ("float32", "dynamic", "int8")


@dataclass(frozen=True)
class Agreement:
    """How near a model comes to the trained network, in one ``interpreter``.

    ``difference`` is the largest of a posterior: over 99 % of the validation clips, or of
    the manifest's probe. ``passed``: within what its quantization may cost.
    """

    interpreter: str
    by: Literal["validation clips", "probe"]
    difference: float
    passed: bool


@dataclass(frozen=True)
class Converted:
    """A network as TFLite: the trial's ``key``, the flatbuffer's SHA-256, the file's size in
    KB (1,024 bytes), and what the runtime makes of the validation part with it.
    """

    key: str
    quantization: Quantization
    sha256: str
    size_kb: float
    agreements: tuple[Agreement, ...]
    validation: Outcome
    interpreter: str
    git_commit: str
    finished: str


@dataclass(frozen=True)
class Tested:
    """A model, known by its ``sha256``, on the test part."""

    key: str
    quantization: Quantization
    sha256: str
    test: Outcome
    interpreter: str
    git_commit: str
    finished: str


@dataclass(frozen=True)
class Timing:
    """Of one decision: the features of a window, the network, and both."""

    sha256: str
    features: Latency
    model: Latency
    sum: Latency


@dataclass(frozen=True)
class Timings:
    """Batch 1, one thread, all models in turn: ``rounds`` of ``calls`` each, on ``machine``.

    ``load`` is the system's load average before and after, on ``cores`` cores: above their
    number, others worked too.
    """

    machine: str
    interpreter: str
    cores: int
    load: tuple[float, ...]
    rounds: int
    calls: int
    git_commit: str
    finished: str
    models: dict[str, Timing]


def model_name(key: str, quantization: str) -> str:
    """Of a trial's model; its files are called so."""
    return f"{key}-{quantization}"


def converted_path(results: Path, name: str) -> Path:
    return results / "models" / f"{name}.json"


def tested_path(results: Path, name: str) -> Path:
    return results / "tests" / f"{name}.json"


def timings_path(results: Path) -> Path:
    return results / "latency.json"


def tflite_path(models: Path, name: str) -> Path:
    return models / f"{name}.tflite"
