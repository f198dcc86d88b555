"""Events on stdout: JSON lines for programs, a short line each for people."""

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from kws_edge.boundary import printable
from kws_edge.events import Event
from kws_edge.process import write_all


@dataclass(frozen=True)
class Stdout:
    """Settings of a `StdoutSink`; the command makes them, not the configuration."""

    descriptor: int = 1
    human: bool = False
    on_closed: Callable[[], None] | None = None


class StdoutSink:
    """Writes each event as one line to a file descriptor.

    ``human``: short lines instead of JSON. ``on_closed`` is called once, in the worker's
    thread, when the reader has gone (as with ``| head``): the daemon ends quietly, and the
    sink drops later events.

    It writes to the descriptor itself: a thread that blocks in ``sys.stdout`` on a full pipe
    would hold the lock that the interpreter needs to exit.
    """

    name = "stdout"

    def __init__(
        self, descriptor: int, human: bool = False, on_closed: Callable[[], None] | None = None
    ) -> None:
        self._descriptor = descriptor
        self._line = human_line if human else Event.to_json
        self._on_closed = on_closed
        self._closed = False

    def open(self) -> None: ...

    def handle(self, event: Event) -> None:
        if self._closed:
            return
        try:
            self._write_line(f"{self._line(event)}\n".encode())
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # EIO: the terminal has gone
                raise
            self._closed = True
            if self._on_closed:
                self._on_closed()

    def close(self) -> None: ...

    def _write_line(self, line: bytes) -> None:
        """All of a line or, where a file's disk is full, nothing of it."""
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            write_all(self._descriptor, line)
            return
        try:
            write_all(self._descriptor, line)
        except OSError:
            os.ftruncate(self._descriptor, status.st_size)
            os.lseek(self._descriptor, 0, os.SEEK_END)
            raise


def human_line(event: Event) -> str:
    """Time in the stream and what happened."""
    return printable(f"{event.time_s:8.2f} s  {_description(event)}")


def _description(event: Event) -> str:
    data = event.data
    model = f"  ({data['model']})" if "model" in data else ""
    reason = f" ({data['reason']})" if data.get("reason") else ""
    if event.type == "detection":
        words = f"  ({' '.join(data['words'])})" if "words" in data else model
        return f"{data['label']:<8} {data['score']:.2f}{words}"
    if event.type == "near_miss":
        return f"nearly {data['label']} {data['score']:.2f}{model}"
    if event.type == "microphone":
        return f"microphone: {data['state']}{reason}"
    if event.type == "dropped":
        return f"{data['samples']} samples of audio lost{reason}"
    if event.type == "settings":
        muted, preset = "muted, " * data["mute"], data["preset"] or "none"
        return f"settings: {muted}preset {preset}, {', '.join(data['keywords'])}"
    return f"stopped after {data['seconds']:g} s of audio{reason}"
