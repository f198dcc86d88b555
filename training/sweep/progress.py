"""How far a sweep is: one line that is rewritten on a terminal, log lines elsewhere."""

import shutil
import sys
import time
from typing import TextIO

from training.sweep.executor import Epoch
from training.sweep.plans import Tally
from training.sweep.records import Record
from training.sweep.trial import Trial


class Progress:
    """Writes to ``stream``; time left goes by the work and time of the trials finished here,
    before the first by those recorded in earlier calls, else by the epochs of the first.
    """

    def __init__(self, slots: int, seen: list[tuple[float, float]], stream: TextIO) -> None:
        self._slots, self._stream = slots, stream
        self._earlier = seen
        self._first: list[tuple[float, float]] = []
        self._here: list[tuple[float, float]] = []
        self._line = ""
        self._started: dict[str, float] = {}

    def started(self, trial: Trial, tally: Tally) -> None:
        self._started[trial.key] = time.monotonic()
        self._log(f"{self._state(tally)} | start {trial.key}: {trial}")

    def epoch(self, event: Epoch, tally: Tally) -> None:
        seconds = time.monotonic() - self._started[event.trial.key]
        self._first = [(event.trial.work * event.number / event.epochs, seconds)]
        if self._stream.isatty():
            self._show(
                f"{self._state(tally)} | {event.trial}: epoch {event.number}/{event.epochs},"
                f" validation {event.accuracy:.2%}"
            )

    def finished(self, trial: Trial, record: Record, tally: Tally) -> None:
        seconds = time.monotonic() - self._started.pop(trial.key, time.monotonic())
        if record.state == "complete":
            self._here.append((trial.work, seconds))
            outcome = f"validation {record.accuracy:.2%} in {_duration(seconds)}"
        else:
            outcome = f"FAILED: {record.reason}"
        self._line = ""
        self._log(f"{self._state(tally)} | {trial.key}: {trial}: {outcome}")

    def close(self) -> None:
        self._show("")

    def _state(self, tally: Tally) -> str:
        failed = f", {tally.failed} failed" if tally.failed else ""
        left = self._seconds_left(tally)
        about = f" (about {_duration(left)})" if left is not None else ""
        return f"{tally.done} done{failed}, {tally.left} left{about}"

    def _seconds_left(self, tally: Tally) -> float | None:
        seen = self._here or self._earlier or self._first
        work = sum(work for work, _ in seen)
        if not work:
            return None
        each = sum(seconds for _, seconds in seen) / work
        now = time.monotonic()
        running = sum(now - started for started in self._started.values())
        return max(0.0, tally.work_left * each - running) / self._slots

    def _log(self, text: str) -> None:
        line = self._line
        self._show("")
        stamp = time.strftime("%H:%M:%S")
        self._stream.write(f"{stamp} {text}\n")
        self._stream.flush()
        self._show(line)

    def _show(self, line: str) -> None:
        if self._stream.isatty():
            # a line that wraps could not be taken back
            self._stream.write(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}")
            self._stream.flush()
        self._line = line


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def on_stderr(slots: int, seen: list[tuple[float, float]]) -> Progress:
    return Progress(slots, seen, sys.stderr)
