"""What every plan can do, so that one loop runs them all."""

from dataclasses import dataclass
from typing import Protocol

from training.sweep.records import Record
from training.sweep.trial import Trial


@dataclass(frozen=True)
class Tally:
    """How far a plan is; ``work_left`` in the unit of `Trial.work`, running ones included."""

    done: int
    failed: int
    left: int
    work_left: float


class Plan(Protocol):
    """Hands out trials and hears what became of them."""

    @property
    def name(self) -> str: ...

    def next(self) -> Trial | None:
        """The next trial to run; None when none is left that may start now."""

    def told(self, trial: Trial, record: Record) -> None:
        """A trial that was handed out has been recorded."""

    def tally(self) -> Tally: ...
