"""Where trials are trained: in a process beside this one, or as tasks of a Ray cluster."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from training.config import RunConfig
from training.sweep.trial import Trial
from training.train.trained import TrainingResult


@dataclass(frozen=True)
class Failure:
    """Why a trial has no result, in one line."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """A trial and what became of it."""

    trial: Trial
    run: RunConfig
    outcome: TrainingResult | Failure


@dataclass(frozen=True)
class Epoch:
    """A trial that is under way: epochs finished and the last one's validation accuracy."""

    trial: Trial
    number: int
    epochs: int
    accuracy: float


class Executor(Protocol):
    """Runs up to ``slots`` trials at a time."""

    @property
    def slots(self) -> int: ...

    def submit(self, trial: Trial, run: RunConfig) -> None: ...

    def wait(self) -> Finished | Epoch:
        """The next event of those submitted."""

    def close(self) -> None:
        """Stop what is still running."""


def one_line(error: BaseException) -> str:
    """An exception's kind, the first line of its message and where it was raised."""
    lines = str(error).strip().splitlines() or [""]
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {lines[0][:400]}{where}"
