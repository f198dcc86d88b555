"""A long command in a process of its own, which outlives the page's server.

``python -m kws_edge.sinks.page.job FOLDER`` runs the command that ``FOLDER/job.json`` holds, in a
session of its own: it keeps a bounded log, notes state and progress in ``FOLDER/status.json``, and
ends the whole process group at the time limit or when it is asked to. It holds a lock on
``FOLDER/lock``, as does the command: while anything of a job lives, the lock is taken, by
whichever server it was started.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from kws_edge.boundary import os_reason, printable
from kws_edge.errors import DataError, KwsEdgeError
from kws_edge.files import write_atomically

try:
    import fcntl
except ImportError:  # Windows
    CAN_RUN = False
else:
    CAN_RUN = True

REQUEST, STATUS, LOCK = "job.json", "status.json", "lock"
LOG, OLDER_LOG = "log.txt", "log.old.txt"
PRIVATE = 0o600
NICE = 10
LONGEST_LINE = 1000  # bytes, of the log
LONGEST_LOG = 256 << 10  # bytes: then it becomes the older log, and that one is gone
GRACE_SECONDS = 5.0  # from SIGTERM to SIGKILL
START_SECONDS = 10.0
ENDS = {signal.SIGINT: "cancelled", signal.SIGTERM: "stopped"}
if CAN_RUN:
    ENDS[signal.SIGALRM] = "time limit"

STEP = re.compile(r"(?:[\d:]{8} )?(?P<step>\w+): runs")
EPOCH = re.compile(r"(?:[\d:]{8} )?epoch (?P<epoch>\d+)/(?P<epochs>\d+):")


class BackgroundJob:
    """The job of a folder, for any thread. There is one at a time."""

    def __init__(self, folder: Path, seconds: float) -> None:
        """``seconds``: as long as a job may take."""
        self._folder, self._seconds = folder, seconds
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], **facts: object
    ) -> None:
        """Run ``command`` in the folder; `status` has ``facts`` too. Raises `DataError` where a
        job is at work, `KwsEdgeError` where it does not start, and `OSError`."""
        if self.is_running():
            raise DataError("a job is at work already")
        request = {"command": list(command), "seconds": self._seconds, "facts": facts}
        write_atomically(self._folder / REQUEST, json.dumps(request).encode(), PRIVATE)
        for name in (STATUS, LOG, OLDER_LOG):
            (self._folder / name).unlink(missing_ok=True)
        package = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": path, "KWS_EDGE_JOB": json.dumps(dict(environment))},
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not (self._folder / STATUS).exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise KwsEdgeError("the job did not start")
            time.sleep(0.02)

    def is_running(self) -> bool:
        """Whether anything of a job lives, started by this process or another."""
        if not CAN_RUN:
            return False
        if self._process:
            self._process.poll()  # else it stays in the process table
        try:
            descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def status(self) -> dict[str, Any]:
        """``state`` (``none``, ``running``, ``done``, ``failed``, ``cancelled``, ``stopped``,
        ``time limit`` or ``died``), ``step``, ``epoch``, ``epochs``, ``code``, times, facts."""
        running = self.is_running()  # first: the end is noted before the lock is let go
        try:
            status: dict[str, Any] = json.loads((self._folder / STATUS).read_text())
        except (OSError, ValueError):
            return {"state": "none"}
        if running:
            status["state"] = "running"
        elif status["state"] == "running":
            status["state"] = "died"
        return status

    def cancel(self) -> bool:
        """End the job with all its processes; whether there was one. Waits for that."""
        if not self.is_running():
            return False
        leader = self.status().get("pid", 0)
        if leader <= 1:
            return False
        deadline = time.monotonic() + 2 * GRACE_SECONDS
        with suppress(ProcessLookupError):
            os.kill(leader, signal.SIGINT)
        while self.is_running():
            if time.monotonic() > deadline:  # its first process is gone or hangs
                with suppress(ProcessLookupError):
                    os.killpg(leader, signal.SIGKILL)
                break
            time.sleep(0.05)
        return True

    def log(self, lines: int) -> list[str]:
        """The last lines of what the command printed, cleaned."""
        text = ""
        for name in (OLDER_LOG, LOG):
            with suppress(OSError):
                text += (self._folder / name).read_text("utf-8", errors="replace")
        return text.splitlines()[-lines:]


class _Log:
    """The lines of the command, bounded. A full disk costs lines and stops nothing."""

    def __init__(self, folder: Path) -> None:
        self._path, self._older = folder / LOG, folder / OLDER_LOG
        self._written = 0

    def write(self, line: str) -> None:
        data = f"{line}\n".encode(errors="backslashreplace")
        with suppress(OSError):
            if self._written > LONGEST_LOG:
                self._path.replace(self._older)
                self._written = 0
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            descriptor = os.open(self._path, flags, PRIVATE)
            try:
                self._written += os.write(descriptor, data)
            finally:
                os.close(descriptor)


class _Supervisor:
    """Runs the command of a folder to its end."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder, self._lock = folder, lock
        self._request = json.loads((folder / REQUEST).read_text())
        self._log = _Log(folder)
        self._status: dict[str, Any] = {
            **self._request["facts"],
            "state": "running",
            "pid": os.getpid(),
            "started": _now(),
        }

    def run(self) -> None:
        self._note()
        for number in ENDS:
            signal.signal(number, self._end)
        signal.setitimer(signal.ITIMER_REAL, self._request["seconds"])
        try:
            child = subprocess.Popen(
                self._request["command"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={**os.environ, **json.loads(os.environ.pop("KWS_EDGE_JOB", "{}"))},
                pass_fds=[self._lock],
            )
        except OSError as error:
            self._log.write(f"{self._request['command'][0]}: {os_reason(error)}")
            self._note(state="failed", ended=_now())
            return
        assert child.stdout
        while data := child.stdout.readline(LONGEST_LINE):
            self._take(printable(data.decode(errors="replace").rstrip("\r\n")))
        code = child.wait()
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        state = "failed" if code else "done"
        self._note(state=state, code=code, ended=_now())
        os.killpg(0, signal.SIGTERM)  # what the command left behind; ignored here

    def _take(self, line: str) -> None:
        self._log.write(line)
        if found := STEP.match(line):
            self._note(step=found["step"], epoch=None, epochs=None)
        elif found := EPOCH.match(line):
            self._note(epoch=int(found["epoch"]), epochs=int(found["epochs"]))

    def _note(self, **facts: object) -> None:
        self._status |= facts
        with suppress(OSError):  # a full disk
            data = json.dumps(self._status).encode()
            write_atomically(self._folder / STATUS, data, PRIVATE)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        """End the process group, this process at the last."""
        for other in ENDS:
            signal.signal(other, signal.SIG_IGN)
        self._note(state=ENDS[signal.Signals(number)], ended=_now())
        os.killpg(0, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and _others_in_group():
            time.sleep(0.05)
        os.killpg(0, signal.SIGKILL)


def _others_in_group() -> bool:
    """Whether another process of this one's group lives; on a system without /proc it may."""
    group = os.getpgrp()
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return True
    for name in names:
        with suppress(OSError, IndexError, ValueError):
            after_name = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
            alive = after_name[0] not in "ZX"
            if int(after_name[2]) == group and int(name) != os.getpid() and alive:
                return True
    return False


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def main() -> None:
    """Run the job of the folder that is named; one that is at work there goes on."""
    folder = Path(sys.argv[1])
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    deadline = time.monotonic() + 1
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:  # another job, or somebody looks whether there is one
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    os.nice(NICE)
    _Supervisor(folder, lock).run()


if __name__ == "__main__":
    main()
