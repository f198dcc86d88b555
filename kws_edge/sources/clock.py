"""Samples against the clock: audio that went missing without a report.

Sound systems drop audio silently: a buffer of the sound server that ran over, a laptop
that slept. A block may come late, but what is still missing after two seconds of steady
delivery does not come any more.
"""

import math
import time
from typing import NamedTuple

WINDOW_SECONDS = 2.0  # the least delay within it counts
SETTLING_SECONDS = 0.5  # the first blocks of a stream come as they like
TOLERANCE_SECONDS = 0.2  # more than the delay of a sound server varies
WARNED_TOLERANCE_SECONDS = 0.05  # after an overflow
DRIFT = 5e-4  # no two quartzes differ by more
SLEEP_SECONDS = 1.0  # more than the two clocks can be read apart


class Instant(NamedTuple):
    """Seconds of a clock that goes on while the machine sleeps, and the sleep in it."""

    time: float
    asleep: float


def now() -> Instant:
    """The present; where the system cannot measure sleep, none is counted."""
    awake = time.monotonic()
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return Instant(awake, 0.0)
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Instant(since_boot, since_boot - awake)


class SampleClock:
    """Counts the samples that went missing, from all that a device delivers and when."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._start: float | None = None
        self._samples = 0  # delivered, or known to be missing
        self._usual: float | None = None  # least delay of steady delivery, seconds
        self._last = self._asleep = 0.0
        self._settling = SETTLING_SECONDS
        self._warned = 0  # windows to come in which a loss is expected
        self._least, self._observed = math.inf, 0.0

    def push(self, samples: int, at: Instant, overflow: bool = False) -> int:
        """``samples`` were delivered at that instant; the samples newly found missing.

        An ``overflow`` does not say how many samples it cost, often none: it only makes
        the clock be looked at more closely in the seconds after it.
        """
        if self._start is None:
            self._start = at.time - samples / self._rate
            self._last, self._asleep = at
        if overflow:
            self._warned = 2
        slept = at.asleep - self._asleep
        self._asleep = at.asleep
        missing = round(slept * self._rate) if slept > SLEEP_SECONDS else 0
        self._samples += samples + missing
        found = self._observe(at.time)
        self._samples += found
        return missing + found

    def _observe(self, at: float) -> int:
        """Samples that are missing for good, by the window that ends now, if any does."""
        delay = at - (self._start or 0.0) - self._samples / self._rate
        # neither a pause nor the burst that makes up for it is steady delivery
        steady = min(at - self._last, 0.1)
        self._last = at
        if self._settling > 0:
            self._settling -= steady
            return 0
        self._least = min(self._least, delay)
        self._observed += steady
        if self._observed < WINDOW_SECONDS:
            return 0
        least, warned = self._least, self._warned > 0
        self._least, self._observed = math.inf, 0.0
        self._warned -= warned
        if self._usual is None:
            self._usual = least
        if least - self._usual > (WARNED_TOLERANCE_SECONDS if warned else TOLERANCE_SECONDS):
            return round((least - self._usual) * self._rate)
        self._usual = min(least, self._usual + DRIFT * WINDOW_SECONDS)
        return 0
