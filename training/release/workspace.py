"""The folders of one build, its stamps, and how a step runs another training command.

A stamp says which step is done, and with which inputs.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kws_edge.errors import KwsEdgeError, MissingFileError
from kws_edge.files import write_atomically
from training.release.model_config import ModelPlan


@dataclass(frozen=True)
class Stamp:
    """A finished step: ``key`` stands for its inputs, ``outputs`` are the paths that it made."""

    step: str
    key: str
    finished: str
    outputs: tuple[str, ...]

    @property
    def id(self) -> str:
        """Differs between two runs of the step, with the same inputs or not."""
        return f"{self.key} {self.finished}"


@dataclass(frozen=True)
class Stamps:
    """The stamps in ``folder``, one JSON file a step."""

    folder: Path

    def read(self, step: str) -> Stamp | None:
        """The stamp of ``step``; None where it is not done, or its outputs are gone."""
        try:
            document = json.loads(self._path(step).read_text())
            stamp = Stamp(**{**document, "outputs": tuple(document["outputs"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return stamp if all(Path(output).exists() for output in stamp.outputs) else None

    def need(self, step: str) -> Stamp:
        """The stamp of a step that another one needs; raises `MissingFileError`."""
        if stamp := self.read(step):
            return stamp
        raise MissingFileError(f"{self._path(step)}: step {step!r} is not done; run it first")

    def write(self, step: str, key: str, outputs: tuple[Path, ...]) -> None:
        """Mark ``step`` as done."""
        finished = datetime.now(timezone.utc).isoformat()
        stamp = Stamp(step, key, finished, tuple(map(str, outputs)))
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path(step), (json.dumps(asdict(stamp), indent=1) + "\n").encode())

    def remove(self, step: str) -> None:
        """Mark ``step`` as not done."""
        self._path(step).unlink(missing_ok=True)

    def _path(self, step: str) -> Path:
        return self.folder / f"{step}.json"


def key_of(inputs: dict[str, Any]) -> str:
    """A digest of ``inputs``, which JSON can hold."""
    text = json.dumps(inputs, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def listing(path: Path) -> list[tuple[str, int]] | None:
    """Names and sizes of the files in ``path`` (or of that file); None where nothing is there.

    It stands for their content: reading gigabytes of recordings before each step would take
    longer than some of the steps.
    """
    if path.is_file():
        return [(path.name, path.stat().st_size)]
    if not path.is_dir():
        return None
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return [(str(file.relative_to(path)), file.stat().st_size) for file in files]


BACKEND = "KERAS_BACKEND"


class StepError(KwsEdgeError):
    """A command of a step failed; it has reported why, and ``exit_code`` is its own."""

    def __init__(self, command: str, exit_code: int) -> None:
        super().__init__(f"failed: python -m training {command}")
        self.exit_code = exit_code


@dataclass(frozen=True)
class Workspace:
    """``data`` holds the recordings, ``work`` everything that the build makes before the release.

    ``training_backend`` is the Keras backend of the training step (empty: TensorFlow); the other
    steps need TensorFlow.
    """

    plan: ModelPlan
    data: Path
    work: Path
    training_backend: str = ""

    @property
    def stamps(self) -> Stamps:
        """Which steps are done."""
        return Stamps(self.work / "stamps")

    @property
    def exported(self) -> Path:
        """The model of the step 'export', with the detector settings of the training."""
        return self.work / "export" / f"{self.plan.name}.tflite"

    @property
    def tuned(self) -> Path:
        """The model of the step 'tune', with its final detector settings, not yet released."""
        return self.work / "tuned" / f"{self.plan.name}.tflite"

    @property
    def tuning(self) -> Path:
        """The folder with the report of the step 'tune'."""
        return self.work / "tuning"

    @property
    def evaluations(self) -> Path:
        """The folder with the reports of the step 'evaluate'."""
        return self.work / "evaluations"

    def stream_path(self, name: Path | str) -> Path:
        """The stream ``name`` of the plan, or a file or folder below the data folder."""
        if str(name) in self.plan.streams:
            return self.work / "streams" / f"{name}.wav"
        return self.data / name

    def stream_paths(self, names: Iterable[Path]) -> list[Path]:
        """Each of ``names``, as `stream_path` finds it."""
        return [self.stream_path(name) for name in names]

    def run(self, *arguments: object, backend: str = "tensorflow") -> str:
        """The last line that ``python -m training ARGUMENTS`` prints. Raises `StepError`."""
        command = [str(argument) for argument in arguments]
        result = subprocess.run(
            [sys.executable, "-m", "training", *command],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, BACKEND: backend},
        )
        if result.returncode:
            raise StepError(shlex.join(command), max(result.returncode, 1))
        return (result.stdout.splitlines() or [""])[-1]
