"""Runs: the folder of one training, with its configuration, figures, weights and origin.

``config.yaml`` (a `TrainingConfig`), ``history.csv`` (a row an epoch), ``metrics.json``,
``log.txt``, ``network.weights.h5``, ``calibration.npy`` (training windows, for the ranges of
int8) and, where TensorFlow trained it or a model was exported from it, a SavedModel.
"""

import csv
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from kws_edge.config.yaml_file import load
from kws_edge.errors import ConfigError, DataError, MissingFileError
from training.config import CONFIG, TrainingConfig, as_document
from training.data.windows import UNKNOWN

if TYPE_CHECKING:
    import keras


History = dict[str, list[float]]


@dataclass(frozen=True)
class TrainingResult:
    """``metrics`` (ready for JSON), ``history`` by epoch, and ``weights``: the content of a Keras
    ``.weights.h5`` file, which every backend reads."""

    metrics: dict[str, Any]
    history: History
    weights: bytes


METRICS, WEIGHTS = "metrics.json", "network.weights.h5"
CALIBRATION, SAVED_MODEL = "calibration.npy", "saved_model.pb"


@dataclass(frozen=True)
class Run:
    """A trained network and its configuration."""

    folder: Path
    config: TrainingConfig

    def metrics(self) -> dict[str, Any]:
        """Raises `MissingFileError` or `DataError` where there are none."""
        path = self.folder / METRICS
        try:
            metrics: dict[str, Any] = json.loads(path.read_text())
        except OSError as error:
            raise MissingFileError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise DataError(f"{path}: not JSON ({error})") from error
        return metrics

    def network(self) -> "keras.Model":
        """The trained network, on the backend that Keras runs on here.

        Raises `DataError` where the weights do not fit the configuration.
        """
        from training.networks.network import network

        model = network(self.config)
        try:
            model.load_weights(self.folder / WEIGHTS)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{self.folder / WEIGHTS}: not the weights of this run ({error})"
            ) from error
        return model

    def export_saved_model(self) -> bool:
        """Write the SavedModel where there is none; was it written now?

        Raises `ConfigError` where Keras does not run on TensorFlow, which alone can write one.
        """
        import keras

        if (self.folder / SAVED_MODEL).exists():
            return False
        if keras.backend.backend() != "tensorflow":
            raise ConfigError("KERAS_BACKEND: a SavedModel is written by tensorflow alone")
        partial = self.folder / ".saved_model.partial"
        shutil.rmtree(partial, ignore_errors=True)
        self.network().export(partial, verbose=False)
        # the graph last: its presence says that all is there
        for path in sorted(partial.iterdir(), key=lambda path: path.name == SAVED_MODEL):
            if (self.folder / path.name).is_dir():
                shutil.rmtree(self.folder / path.name)
            path.rename(self.folder / path.name)
        partial.rmdir()
        return True

    def initialise(self, model: "keras.Model", labels: Sequence[str]) -> None:
        """Give ``model``, of the same architecture with other ``labels``, this run's weights.

        In the layer of the labels, each known label keeps its weights, and a new word starts
        with those of unknown words: it was one so far. A window of another length has the same
        weights, but in architectures with a layer for each of its frames: raises `ConfigError`.
        """
        if UNKNOWN not in self.config.labels and set(labels) - set(self.config.labels):
            raise ConfigError(f"{self.folder}: has no {UNKNOWN} that new words could start from")
        pairs = zip(self.network().layers, model.layers, strict=True)
        *layers, last = [(mine, its) for mine, its in pairs if its.get_weights()]
        try:
            for mine, its in layers:
                its.set_weights(mine.get_weights())
        except ValueError as error:
            raise ConfigError(f"{self.folder}: its weights fit its own window alone") from error
        known = self.config.labels
        places = [known.index(label if label in known else UNKNOWN) for label in labels]
        weights = [old[..., places] for old in last[0].get_weights()]  # [inputs, labels], [labels]
        last[1].set_weights(weights)


def load_run(folder: Path) -> Run:
    """The run in ``folder``.

    Raises `MissingFileError` where ``folder`` is no run, and `ConfigError` for a bad configuration.
    """
    for path in (folder / CONFIG, folder / WEIGHTS):
        if not path.exists():
            raise MissingFileError(f"{path}: no such file; expected a run of 'train'")
    return Run(folder, load(folder / CONFIG, TrainingConfig))


def write_run_files(
    folder: Path, config: TrainingConfig, history: History, metrics: dict[str, Any]
) -> None:
    """``config.yaml``, ``history.csv`` and ``metrics.json`` in ``folder``."""
    (folder / CONFIG).write_text(yaml.safe_dump(as_document(config), sort_keys=False))
    with (folder / "history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows(
            [epoch, *row] for epoch, row in enumerate(zip(*history.values(), strict=True), 1)
        )
    (folder / METRICS).write_text(json.dumps(metrics, indent=2) + "\n")


def partial_folder(output: Path, name: str) -> Path:
    """Where a run's folder is made: below ``output``, and hidden until it is complete."""
    output.mkdir(parents=True, exist_ok=True)
    return output / f".{_stamp()}-{name}-{os.getpid()}.partial"


def new_folder(partial: Path, output: Path, name: str) -> Path:
    """Give a complete folder its name, which is the time and was not there before."""
    stamp = _stamp()
    for candidate in (stamp, f"{stamp}-{name}", f"{stamp}-{name}-{os.getpid()}"):
        if not (output / candidate).exists():
            return partial.rename(output / candidate)
    raise FileExistsError(output / stamp)


def _stamp() -> str:
    return datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")


class RunLog:
    """Call it with a line: shown on stderr with the time, and kept."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, line: str) -> None:
        self._lines.append(f"{time.strftime('%H:%M:%S')} {line}")
        click.echo(self._lines[-1], err=True)

    def write(self, folder: Path) -> None:
        """``folder/log.txt``."""
        (folder / "log.txt").write_text("\n".join(self._lines) + "\n")


CODE = ("kws_edge", "training")


def git_commit() -> str:
    """The commit checked out, with ``+changes`` where the code differs from it."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
        return result.stdout.strip()

    commit = git("rev-parse", "HEAD") or "unknown"
    # a run from changed files cannot be made again from the commit alone: say so
    dirty = git("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    return commit + ("+changes" if dirty else "")


def library_versions() -> dict[str, str]:
    """Versions of Keras and of the backend that it runs on here."""
    import keras  # and with it the backend: only where something is trained

    backend = keras.backend.backend()
    return {backend: sys.modules[backend].__version__, "keras": keras.__version__}


def machine() -> str:
    """Architecture, processor and Python, in one line."""
    return f"{platform.machine()}, {_processor()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
