"""Saving that neither Ctrl-C nor a power cut leaves half done."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def append_line(path: Path, line: str) -> None:
    """Append a line in one write; a line that a power cut left unfinished is closed first."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        data = f"{chr(10) if torn else ''}{line}\n".encode()
        written = os.write(descriptor, data)
        if written < len(data):  # the disk is full
            os.ftruncate(descriptor, size)
            raise OSError(28, "No space left on device")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C, SIGTERM and SIGHUP waiting until the block is done.

    Then it is a `KeyboardInterrupt`. For the main thread, where Python handles signals.
    """
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)

    # a signal that is ignored (nohup) stays so
    before = {s: handler for s in STOPPING if (handler := signal.getsignal(s)) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        raise KeyboardInterrupt
