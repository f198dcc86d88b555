"""The folders of one build, and how a step runs another command of ``python -m training``."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import KwsEdgeError
from training.release.model_config import ModelPlan
from training.release.stamps import Stamps

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
