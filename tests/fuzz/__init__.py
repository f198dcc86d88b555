"""Attacks on the running program: seeded, bounded, with a row of figures for each.

    python -m tests.fuzz NAME --count 500 --seed 0

A module here with a ``NAME`` and a ``run(count, seed)`` is a sub-command, called by the first word
of that name.
"""

from dataclasses import dataclass, field


@dataclass
class Summary:
    """What ``count`` attacks did: a row of docs/reliability.md."""

    count: int = 0
    tracebacks: int = 0
    crashes: int = 0  # ended by a signal that nobody sent
    hangs: int = 0  # no end within 10 s
    worst_rss_mb: float = 0.0
    wrong: list[str] = field(
        default_factory=list
    )  # how to repeat each wrong answer, and what it was

    @property
    def faults(self) -> int:
        return self.tracebacks + self.crashes + self.hangs + len(self.wrong)

    def row(self, name: str) -> str:
        figures = (self.count, self.tracebacks, self.crashes, self.hangs, len(self.wrong))
        return f"| {name} | {' | '.join(map(str, figures))} | {self.worst_rss_mb:.0f} MB |"
