"""The process: signals noted from its first line, standard streams that cannot stop it, its end."""

import logging
import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from kws_edge.boundary import CleanFormatter

HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none
STOPPING = tuple(filter(None, (signal.SIGTERM, signal.SIGINT, HANGUP)))
OnStop = Callable[[str], object]


class Signals:
    """Notes the signals that ask for the end, and SIGHUP, which asks for the end or a reload.

    The first SIGTERM or SIGINT counts; later ones change nothing, so that what must be delivered
    at the end is. SIGHUP means what `on_hangup` says; one that comes earlier waits for it.
    As a context manager it installs the handlers and gives them back, unless `install` was
    called before: then they stay until the process ends.
    """

    def __init__(self) -> None:
        self.stopped_by = ""
        self.reload_requested = False
        self._hung_up = False
        self._hangup_reloads: bool | None = None
        self._interrupts = False
        self._on_stop: list[OnStop] = []
        self._on_reload: Callable[[], object] = lambda: None
        self._before: dict[signal.Signals, Any] = {}

    def install(self) -> "Signals":
        """Take the handlers; only the main thread may."""
        for number in STOPPING:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __enter__(self) -> "Signals":
        self._lent = not self._before
        return self.install() if self._lent else self

    def __exit__(self, *_: object) -> None:
        if self._lent:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._before = {}

    def when_stopped(self, action: OnStop) -> None:
        """Call ``action`` with the name of the signal, within its handler; at once if it came."""
        self._on_stop.append(action)
        if self.stopped_by:
            action(self.stopped_by)

    def on_hangup(self, reload: bool, on_reload: Callable[[], object] = lambda: None) -> None:
        """Whether SIGHUP asks for a reload, and then calls ``on_reload`` within its handler. Else
        it ends, as the close of a terminal should; a process that ignored SIGHUP at its start
        (nohup) still does."""
        self._hangup_reloads, self._on_reload = reload, on_reload
        if self._hung_up:
            self._hang_up()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """The first signal, even an earlier one, raises KeyboardInterrupt in the block; for one
        that writes to a reader who may never read."""
        self._interrupts = True
        try:
            self._interrupt()
            yield
        finally:
            self._interrupts = False

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == HANGUP:
            self._hang_up()
        else:
            self._stop(signal.Signals(number).name)

    def _hang_up(self) -> None:
        self._hung_up = True
        if self._hangup_reloads:
            self.reload_requested = True
            self._on_reload()
        elif (
            HANGUP and self._hangup_reloads is False and self._before.get(HANGUP) != signal.SIG_IGN
        ):
            self._stop(HANGUP.name)

    def _stop(self, name: str) -> None:
        if self.stopped_by:
            if self._interrupts:  # asked twice, and still in a write that nobody reads
                os._exit(130)
            return
        self.stopped_by = name
        for action in self._on_stop:
            action(name)
        self._interrupt()

    def _interrupt(self) -> None:
        if self.stopped_by and self._interrupts:
            raise KeyboardInterrupt


class StderrLog(logging.Handler):
    """Writes lines to ``descriptor`` in a thread of its own: a reader who does not read, or a
    full disk, costs lines, which are counted, and stops nothing."""

    def __init__(self, descriptor: int = 2, capacity: int = 1000) -> None:
        super().__init__()
        self.dropped = 0
        self._reported = 0
        self._descriptor = descriptor
        self._divert: Callable[[str], object] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        self.write(self.format(record))

    def write(self, line: str) -> None:
        """Queue a line; never waits."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    @contextmanager
    def diverted(self, write: Callable[[str], object]) -> Iterator[None]:
        """Pass lines to ``write`` in the block; it must not wait."""
        self._divert = write
        try:
            yield
        finally:
            self._divert = None

    def flush(self, timeout: float = 0.5) -> None:
        """Write what waits and end, within ``timeout`` seconds."""
        try:
            self._lines.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if (dropped := self.dropped) > self._reported:
                line = f"kws-edge: {dropped - self._reported} log lines were dropped\n{line}"
            try:
                if divert := self._divert:
                    divert(f"{line}\n")
                else:
                    write_all(self._descriptor, f"{line}\n".encode(errors="backslashreplace"))
                self._reported = dropped
            except OSError:  # nobody reads it any more, or the disk is full: it may end
                self.dropped += 1


_signals: Signals | None = None
_log: StderrLog | None = None
_abandoned = False


def take_over(stays: bool) -> None:
    """The first line of a program: no descriptor below 3 is left for a file or a socket to take,
    and, in a command that ``stays``, signals are noted from now on."""
    global _signals
    if stays:
        _signals = Signals().install()
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the lowest one that is free is this one
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def process_signals() -> Signals:
    """Those that `take_over` installed; else new ones, not installed yet."""
    return _signals or Signals()


def log_to_stderr(line_format: str, level: int = logging.INFO) -> StderrLog:
    """Send the log to stderr without waiting for its reader."""
    global _log
    # a copy: sounddevice points descriptor 2 at /dev/null while PortAudio starts
    _log = StderrLog(os.dup(_stderr_descriptor()))
    _log.setFormatter(CleanFormatter(line_format))
    logging.basicConfig(level=level, handlers=[_log], force=True)
    return _log


def _stderr_descriptor() -> int:
    """Where ``sys.stderr`` writes to: not 2 where the noise of libraries is captured."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError):  # replaced by an object without one
        return 2


def abandon() -> None:
    """A thread is in a call that does not come back: `leave` must not run what it may use."""
    global _abandoned
    _abandoned = True


def complain(line: str) -> None:
    """Write a line to stderr, through the log where there is one."""
    if _log:
        _log.write(line)
    else:
        sys.stderr.write(f"{line}\n")


def leave(code: int) -> NoReturn:
    """End the process; signals that come now change nothing."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    if _log:
        logging.getLogger().removeHandler(_log)
        _log.flush()
    if _abandoned:
        os._exit(code)
    sys.exit(code)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``, past the interpreter's buffers and their locks."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # another process made the pipe non-blocking
            select.select([], [descriptor], [])
