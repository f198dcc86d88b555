"""Cases that run in this process, one after the other, and the count of their faults."""

import copy
import faulthandler
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable

from . import Summary

HANG_SECONDS = 10
PROGRESS = 1000  # cases between two lines
LONGEST_MESSAGE = 20_000  # characters: a hundred faults
ODD_TEXTS = (
    *("", " ", "yes", "~nobody/x", "a\nb", "\x1b[2J", "\ud800", "\0", "é", "\u202e", "#", "+"),
    *("x" * 150, "x" * 11_000, "%s%n", "../..", "/dev/zero", "1e3", "null", "a: b", "*a", "&a"),
)
ODD_VALUES: tuple[object, ...] = (
    *(*ODD_TEXTS, None, True, False, 0, -1, 1, 0.5, -0.0, 2**31, 2**63, -(2**63), 10**400, 1e308),
    *(5e-324, float("inf"), float("nan"), [], {}, [[]], {"": 0}, ["a"] * 300, [0] * 300),
    {"yes": 2, "no": -1},
)


def odd_value(rng: random.Random) -> object:
    """One of `ODD_VALUES`, which the caller may change."""
    return copy.deepcopy(rng.choice(ODD_VALUES))


def run_cases(
    make: Callable[[random.Random], Callable[[], object]], count: int, seed: int
) -> Summary:
    """Make and run ``count`` cases; a `KwsEdgeError` of one short line is the right answer.

    A crash ends the process, with a traceback by `faulthandler`, and counts itself so.
    """
    from kws_edge.errors import KwsEdgeError

    faulthandler.enable()
    summary = Summary(count)
    for number in range(count):
        case = make(random.Random(f"{seed} {number}"))
        began = time.monotonic()
        try:
            case()
        except KwsEdgeError as error:
            message = str(error)
            if not (message.isprintable() and len(message) <= LONGEST_MESSAGE):
                summary.wrong.append(f"case {number}: {len(message)}: {message[:300]!r}")
        except Exception:
            summary.tracebacks += 1
            summary.wrong.append(f"case {number}: {traceback.format_exc()[-2000:]}")
        if time.monotonic() - began > HANG_SECONDS:
            summary.hangs += 1
            summary.wrong.append(f"case {number}: {time.monotonic() - began:.1f} s")
        if number % PROGRESS == PROGRESS - 1:
            sys.stderr.write(f"{number + 1}: {summary.row('so far')}\n")
    summary.worst_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return summary
