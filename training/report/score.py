"""How many of the clips were known, and by which model which."""

from dataclasses import dataclass

from training.stats import wilson_interval
from training.study.outcome import Outcome


@dataclass(frozen=True)
class Score:
    """``correct`` of ``count`` clips; ``outcome`` says which, where that is known."""

    correct: int
    count: int
    outcome: Outcome | None = None

    @property
    def value(self) -> float:
        """In 0 to 1."""
        return self.correct / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, Wilson."""
        return wilson_interval(self.correct, self.count)

    def __str__(self) -> str:
        lower, upper = self.interval
        return f"{percent(self.value)} ({100 * lower:.1f} to {100 * upper:.1f})"


def score_of(outcome: Outcome) -> Score:
    return Score(round(outcome.accuracy * outcome.clips), outcome.clips, outcome)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in percentage points, signed."""
    return f"{round(100 * difference, 1) + 0.0:+.1f} points"  # never -0.0
