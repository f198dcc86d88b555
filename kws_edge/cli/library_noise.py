"""What C libraries print on stderr: PortAudio, JACK and LiteRT report to nobody in particular.

Descriptor 2 becomes a pipe, and ``sys.stderr`` keeps the old one. Known chatter is dropped, since
kws-edge reports what it stands for; any other line is printed once, through ``sys.stderr``.
"""

import atexit
import faulthandler
import os
import re
import sys
import threading

CHATTER = re.compile(
    r"INFO: |Expression '|BDB\d+ |ALSA lib |jack server |JackShm|Cannot connect to server"
    r"|connect\(2\) call|attempt to connect|[IW]\d{4} |WARNING: All log messages before absl"
    r"|W?ARNING: Attempting to use a delegate"
)
MOST_LINES = 50  # different ones
LONGEST = 500  # characters of a line
END_SECONDS = 0.2


def capture_library_noise() -> None:
    """For the whole process, once; does nothing where stderr is closed."""
    if sys.stderr is None or sys.stderr.fileno() != 2 or not hasattr(os, "set_blocking"):
        return
    before = os.dup(2)
    sys.stderr.flush()
    sys.stderr = open(  # noqa: SIM115 - open to the end of the process
        before, "w", 1, encoding=sys.stderr.encoding, errors="backslashreplace", closefd=False
    )
    reading, writing = os.pipe()
    # a library that prints while it holds the interpreter's lock must not wait for the thread
    os.set_blocking(writing, False)
    os.dup2(writing, 2)
    os.close(writing)
    faulthandler.enable(sys.stderr)  # a library's last words before it crashes come too late
    reader = threading.Thread(target=_report, args=(reading,), name="library-noise", daemon=True)
    reader.start()
    atexit.register(_end, before, reader)


def _report(reading: int) -> None:
    seen: set[str] = set()
    with open(reading, encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(LONGEST):
            text = "".join(c if c.isprintable() else " " for c in line).strip()
            kind = re.sub(r"\d+", "0", text)
            if text and kind not in seen and len(seen) < MOST_LINES and not CHATTER.match(text):
                seen.add(kind)
                sys.stderr.write(f"kws-edge: {text}\n")


def _end(before: int, reader: threading.Thread) -> None:
    os.dup2(before, 2)  # the pipe's only other end: the reader comes to the end of it
    reader.join(END_SECONDS)
