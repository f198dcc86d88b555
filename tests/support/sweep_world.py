"""Small sweeps on data made here, and an executor that trains nothing."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from training.sweep.config import SweepConfig
from training.sweep.executor import Epoch, Failure, Finished
from training.sweep.plans import Plan
from training.sweep.progress import Progress
from training.sweep.records import Records
from training.sweep.runner import Sweep
from training.sweep.trial import Trial
from training.train.trained import TrainingResult

from kws_edge.audio.files import write_wav
from kws_edge.config.schema import parse
from kws_edge.types import FloatArray
from training.config import RunConfig

ROOT = Path(__file__).parents[2]
PITCHES = {"high": 1800.0, "low": 300.0, "middle": 800.0}
CONFIG = """\
name: tones
labels: [high, low, middle]
base: {kind: mfcc, overlap: 0, num_mel_bins: 20}
seeds: [0, 1]
optimizer: {epochs: 2}
factors:
  frame_length_ms: [40, 50]
  num_coefficients: [10, 30]
search:
  trials: 5
  startup_trials: 4
  space:
    frame_length_ms: [20, 40, 50]
    num_mel_bins: {low: 14, high: 20, step: 2}
    num_coefficients: {low: 8, high: 14, step: 1}
"""
# of the plan above: the base point with two seeds, 50 ms; 30 coefficients of 20 bands are refused
COMPLETE, REFUSED = 3, 1


def sweep_config(**changes: object) -> SweepConfig:
    """The sweep of `CONFIG` as a dataclass, some of its top-level keys replaced."""
    import yaml

    return parse(SweepConfig, {**yaml.safe_load(CONFIG), **changes})


def tone(pitch: float, seed: int) -> FloatArray:
    """1 s of a tone that swells and fades, in noise: ``[16000]``."""
    random = np.random.default_rng(seed)
    t = np.arange(16000) / 16000
    signal = random.uniform(0.05, 0.5) * np.sin(2 * np.pi * pitch * t) * np.hanning(16000)
    return (signal + random.normal(0, 0.002, 16000)).astype(np.float32)


def write_tones(folder: Path) -> Path:
    """60 speakers who say three pitches: 135 clips to train on, 18 to choose by."""
    for label, pitch in PITCHES.items():
        (folder / label).mkdir(parents=True)
        for number in range(60):
            path = folder / label / f"{number:08x}_nohash_0.wav"
            write_wav(path, tone(pitch, number + 1000 * len(label)), 16000)
    return folder


def sweep_command(folder: Path, data: Path, *arguments: object) -> list[str]:
    """``python -m training sweep`` with everything it makes below ``folder``."""
    config = folder / "sweep.yaml"
    if not config.exists():
        config.write_text(CONFIG)
    return [
        sys.executable,
        "-m",
        "training",
        "sweep",
        str(config),
        "--data",
        str(data),
        "--results",
        str(folder / "results"),
        "--models",
        str(folder / "models"),
        "--cache",
        str(folder / "cache"),
        *map(str, arguments),
    ]


def needs(module: str, extra: str) -> None:
    """Skip where a module is missing, without the seconds that importing it takes."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module} (the extra '{extra}')")


def run(command: list[str], **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **variables},
        timeout=600,
        check=False,
    )


def pretended(run: RunConfig) -> TrainingResult:
    """What a training might have given: better with more coefficients and longer frames."""
    accuracy = 0.5 + run.features.num_coefficients / 100 + run.features.frame_length / 10000
    metrics = {
        "validation_accuracy": accuracy,
        "seconds": 60.0,
        "estimated_latency_ms": float(run.features.shape[0]),
        "size_kb": 1000.0,
    }
    return TrainingResult(metrics, {"val_sparse_categorical_accuracy": [0.1, accuracy]}, b"weights")


class InstantExecutor:
    """Finishes each trial at once with what ``outcome`` gives, and remembers what it ran."""

    def __init__(
        self, outcome: Callable[[RunConfig], TrainingResult | Failure] = pretended, slots: int = 1
    ) -> None:
        self.slots = slots
        self.ran: list[str] = []
        self._outcome = outcome
        self._submitted: list[tuple[Trial, RunConfig]] = []

    def submit(self, trial: Trial, run: RunConfig) -> None:
        self._submitted.append((trial, run))

    def wait(self) -> Finished | Epoch:
        trial, run = self._submitted.pop(0)
        outcome = self._outcome(run)
        self.ran.append(trial.key)
        return Finished(trial, run, outcome)

    def close(self) -> None:
        pass


def run_plan(
    config: SweepConfig,
    plan: Plan,
    folder: Path,
    executor: InstantExecutor,
    limit: int | None = None,
) -> int:
    """Run a plan in this process; how many trials were handed out."""
    sweep = Sweep(config, "data", Records(folder / "results"), folder / "models")
    with open(os.devnull, "w") as stream:
        return sweep.run(plan, executor, Progress(executor.slots, [], stream), limit)
