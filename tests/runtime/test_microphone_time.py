"""Stream time against the clock, and silence: without a device, by their own rules."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kws_edge.sources.capture import Instant, now
from kws_edge.sources.conversion import TOLERANCE_SECONDS, SampleClock, SilenceWatch

RATE = 16000
BLOCK = 320


def deliver(
    keeper: SampleClock,
    seconds: float,
    start: float,
    lateness: list[float] | None = None,
    asleep: float = 0.0,
    drift: float = 0.0,
) -> int:
    """Blocks at their times, each late by what ``lateness`` says in turn; samples missed."""
    missing, before = 0, 0.0
    lateness = lateness or [0.0]
    for index in range(round(seconds * RATE / BLOCK)):
        due = start + (index + 1) * BLOCK / RATE * (1 + drift)
        before = max(before, due + lateness[index % len(lateness)])
        missing += keeper.push(BLOCK, Instant(before, asleep))
    return missing


@given(lateness=st.lists(st.floats(0, 0.9), min_size=40, max_size=40))
@settings(deadline=None, max_examples=30)
def test_late_blocks_are_not_missing(lateness: list[float]) -> None:
    """All of them late by up to 0.9 s, now and then: they catch up each 2 s at least."""
    assert deliver(SampleClock(RATE), 30, 0, [*[0.0] * 60, *lateness]) == 0


@given(gap=st.floats(0.3, 20), at=st.floats(3, 10), lateness=st.floats(0, 0.1))
@example(gap=1.0, at=6.578125, lateness=0.099609375)
@settings(deadline=None, max_examples=30)
def test_what_never_comes_is_missing_within_seconds(gap: float, at: float, lateness: float) -> None:
    """To within the jitter: a late block delays the next two, 60 ms at most of each look."""
    keeper, jitter = SampleClock(RATE), [0.0, lateness, 0.0]
    at = round(at * RATE / BLOCK) * BLOCK / RATE  # `deliver` gives whole blocks: the gap is exact
    assert deliver(keeper, at, 0, jitter) == 0
    found = deliver(keeper, 4.5, at + gap, jitter)
    assert found == pytest.approx(gap * RATE, abs=3 * BLOCK)
    assert deliver(keeper, 10, at + gap + 4.5, jitter) == 0


@given(gap=st.floats(0.6, 20), at=st.floats(0.02, 2.4))
@settings(deadline=None, max_examples=30)
def test_so_is_what_is_lost_before_the_usual_delay_is_known(gap: float, at: float) -> None:
    keeper = SampleClock(RATE)
    at = round(at * RATE / BLOCK) * BLOCK / RATE
    found = deliver(keeper, at, 0) + deliver(keeper, 5, at + gap)
    assert found == pytest.approx(gap * RATE, abs=BLOCK)


@given(gap=st.floats(0.5, 2.9))
@settings(deadline=None, max_examples=30)
def test_a_pause_that_is_made_up_for_costs_nothing(gap: float) -> None:
    keeper = SampleClock(RATE)
    assert deliver(keeper, 5, 0) == 0
    backlog = [max(0.0, gap - i * BLOCK / RATE) for i in range(1000)]
    assert deliver(keeper, 20, 5, backlog) == 0


@given(drift=st.floats(-3e-4, 3e-4))
@settings(deadline=None, max_examples=10)
def test_the_drift_of_a_quartz_is_not_missing(drift: float) -> None:
    assert deliver(SampleClock(RATE), 1800, 0, drift=drift) == 0


def test_a_sleep_is_known_at_once() -> None:
    keeper = SampleClock(RATE)
    deliver(keeper, 3, 0)
    assert keeper.push(BLOCK, Instant(3.02 + 600, 600)) == 600 * RATE
    assert deliver(keeper, 10, 603.02, asleep=600) == 0


@pytest.mark.parametrize("loss", [0.1, 1.0])
def test_what_an_overflow_cost_is_measured(loss: float) -> None:
    keeper = SampleClock(RATE)
    deliver(keeper, 3, 0)
    assert keeper.push(BLOCK, Instant(3.02 + loss, 0), overflow=True) == 0
    assert deliver(keeper, 5, 3.02 + loss) == pytest.approx(loss * RATE, abs=BLOCK)


def test_frequent_overflows_are_measured_all_the_same() -> None:
    """As of a sound server that gets no time: 100 ms lost each half second."""
    keeper, missing = SampleClock(RATE), 0
    for index in range(100):
        start = index * 0.6
        missing += keeper.push(BLOCK, Instant(start + 0.12, 0), overflow=index > 0)
        missing += deliver(keeper, 0.48, start + 0.12)
    assert missing / RATE == pytest.approx(100 * 0.1, abs=0.6)


def test_an_overflow_that_cost_nothing_breaks_nothing() -> None:
    keeper = SampleClock(RATE)
    deliver(keeper, 3, 0)
    assert keeper.push(BLOCK, Instant(3.02, 0), overflow=True) == 0
    assert deliver(keeper, 10, 3.02) == 0


def test_small_losses_add_up() -> None:
    """A block lost each ten seconds: the clock is never far off."""
    keeper, missing, lost = SampleClock(RATE), 0, 0.0
    for index in range(60):
        missing += deliver(keeper, 10, index * 10.02)
        lost = index * 0.02
        assert abs(lost - missing / RATE) < TOLERANCE_SECONDS + 0.35


def test_the_clock_goes_on() -> None:
    first, second = now(), now()
    assert second.time >= first.time
    assert abs(second.asleep - first.asleep) < 0.5


def push(watch: SilenceWatch, value: float | None, blocks: int) -> list[str]:
    rng = np.random.default_rng(0)
    made = [
        rng.normal(0, 0.1, BLOCK).astype(np.float32)
        if value is None
        else np.full(BLOCK, value, np.float32)
        for _ in range(blocks)
    ]
    return [change for block in made if (change := watch.push(block))]


@pytest.mark.parametrize("value", [0.0, 0.25, -1.0])
def test_a_constant_is_silence(value: float) -> None:
    watch = SilenceWatch(10 * BLOCK)
    assert push(watch, None, 20) == []
    assert push(watch, value, 9) == []
    assert push(watch, value, 1) == ["silent"]
    assert push(watch, value, 100) == []
    assert push(watch, 0.5, 100) == []  # another constant is no sound
    assert push(watch, None, 5) == ["sound"]
    assert push(watch, value, 9) == []


def test_the_faintest_noise_is_sound() -> None:
    watch = SilenceWatch(10 * BLOCK)
    faint = np.zeros(BLOCK, np.float32)
    faint[0] = 1 / 32768
    assert [watch.push(faint) for _ in range(100)] == [None] * 100
    assert watch.push(faint[:0]) is None
