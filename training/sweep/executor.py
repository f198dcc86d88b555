"""Where trials are trained: in a process beside this one, or as tasks of a Ray cluster."""

from dataclasses import dataclass
from typing import Protocol

from training.config import RunConfig
from training.sweep.trial import Trial
from training.trained import Trained


@dataclass(frozen=True)
class Failure:
    """Why a trial has no result, in one line."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """A trial and what became of it."""

    trial: Trial
    run: RunConfig
    outcome: Trained | Failure


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
    """An exception's kind and the first line of its message."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:500]
