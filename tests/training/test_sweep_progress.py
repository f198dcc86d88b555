"""What a sweep tells of itself, on a terminal and in a log."""

import io

import pytest
from sweep_world import sweep_config

from training.sweep import progress
from training.sweep.executor import Epoch
from training.sweep.plans import Tally
from training.sweep.progress import Progress
from training.sweep.records import Record
from training.sweep.trial import make_trial


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def strftime(self, _: str) -> str:
        return "12:00:00"


CONFIG = sweep_config()
TRIAL = make_trial(CONFIG, CONFIG.base, 0)


def record(state: str, reason: str = "") -> Record:
    metrics = {"validation_accuracy": 0.925} if state == "complete" else {}
    return Record(TRIAL.key, state, reason, "tones", "one-factor", 0, {}, {}, "", metrics, {}, "")  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_log_has_a_line_for_each_start_and_end_and_the_time_left(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Progress(1, [], stream)
    shown.started(TRIAL, Tally(0, 0, 4, TRIAL.work * 4))
    clock.now = 30.0
    shown.epoch(Epoch(TRIAL, 1, 2, 0.5), Tally(0, 0, 4, TRIAL.work * 4))
    clock.now = 90.0
    shown.finished(TRIAL, record("complete"), Tally(1, 0, 3, TRIAL.work * 60))
    first, last = stream.getvalue().splitlines()
    assert first.startswith("12:00:00 0 done, 4 left | start mfcc-")
    # sixty times the work of a trial that took a minute and a half
    assert "1 done, 3 left (about 1 h 30 min)" in last
    assert last.endswith("validation 92.50% in 1 min 30 s")
    assert "\033" not in stream.getvalue()


def test_a_terminal_shows_the_epoch_and_a_first_guess(clock: Clock) -> None:
    stream = Terminal()
    shown = Progress(1, [], stream)
    shown.started(TRIAL, Tally(0, 0, 4, TRIAL.work * 4))
    clock.now = 30.0
    shown.epoch(Epoch(TRIAL, 1, 2, 0.5), Tally(0, 0, 4, TRIAL.work * 4))
    line = stream.getvalue().rsplit("\r\033[K", 1)[1]
    # a trial takes a minute; half of one is over
    assert line.startswith("0 done, 4 left (about 3 min 30 s) | mfcc 40 ms")


def test_a_failure_says_why(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Progress(2, [(TRIAL.work, 10.0)], stream)
    shown.started(TRIAL, Tally(0, 0, 5, TRIAL.work * 4))
    shown.finished(TRIAL, record("failed", "out of memory"), Tally(0, 1, 4, TRIAL.work * 4))
    assert "FAILED: out of memory" in stream.getvalue()
    assert "0 done, 1 failed, 4 left (about 20 s)" in stream.getvalue()
