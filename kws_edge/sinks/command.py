"""A program run for each detection, in a process group of its own and with bounded output."""

import json
import logging
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kws_edge.boundary import printable
from kws_edge.config.schema import check_bounds, setting
from kws_edge.errors import ConfigError, KwsEdgeError, ValidationErrors
from kws_edge.events import Event
from kws_edge.sinks.base import SinkContext, SinkKind, SinkPlan, queue_setting

OUTPUT_LIMIT = 8192  # bytes of output that are kept; the rest is read and dropped
GRACE_SECONDS = 0.5  # between SIGTERM and SIGKILL


class ChildProcess:
    """A running program. Raises `OSError` where it cannot be started."""

    def __init__(
        self, arguments: Sequence[str], data: bytes, environment: Mapping[str, str]
    ) -> None:
        # Standard input is a file, in memory where the system has such: writing it cannot block
        # and cannot fail with a broken pipe, whether the program reads or not.
        if hasattr(os, "memfd_create"):
            memory = os.memfd_create("kws-edge-event")
        else:
            with tempfile.TemporaryFile() as file:
                memory = os.dup(file.fileno())
        try:
            os.write(memory, data)
            os.lseek(memory, 0, os.SEEK_SET)
            self._process = subprocess.Popen(
                list(arguments),
                stdin=memory,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        finally:
            os.close(memory)

    def wait(self, timeout: float) -> tuple[int | None, bytes]:
        """Exit code (None after a timeout) and the start of its output.

        Waits until the program and every process that holds its output have ended. After
        ``timeout`` seconds it ends the whole process group.
        """
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        with self._process.stdout as stdout:
            output, ended = _read(stdout.fileno(), deadline)
            if ended:  # it may have closed its output and still run
                with suppress(subprocess.TimeoutExpired):
                    return self._process.wait(max(0.0, deadline - time.monotonic())), output
            self.signal(signal.SIGTERM)
            # Not reaped meanwhile, so that the group's id stays its own; strays that have
            # closed the output go with it.
            rest, _ = _read(stdout.fileno(), time.monotonic() + GRACE_SECONDS)
            if ended:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(GRACE_SECONDS)
            self.signal(signal.SIGKILL)
            self._process.wait()
        return None, (output + rest)[:OUTPUT_LIMIT]

    def signal(self, number: int) -> None:
        """Send a signal to the process group, from any thread."""
        if self._process.returncode is None:  # not reaped: the group's id is still its own
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def _read(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    """Output until ``deadline``, at most `OUTPUT_LIMIT` of it, and whether it has ended."""
    output = b""
    poll = select.poll()  # unlike select(), for descriptors above 1023 too
    poll.register(descriptor, select.POLLIN)
    while (remaining := deadline - time.monotonic()) > 0:
        if not poll.poll(remaining * 1000):
            continue
        data = os.read(descriptor, 65536)
        if not data:
            return output, True
        output += data[: OUTPUT_LIMIT - len(output)]
    return output, False


log = logging.getLogger(__name__)

PREFIX = "KWS_EDGE_EVENT_"
CLOSE_SECONDS = 0.4  # for programs that run when the daemon ends
TERM_SECONDS = 0.1  # after that, between SIGTERM and SIGKILL
# systemd means these for the daemon alone and would believe a program that answers in its place.
NOT_INHERITED = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


@dataclass(frozen=True)
class CommandConfig:
    """A program run for each detection, by its argument list, never through a shell."""

    run: tuple[str, ...] = setting(
        doc="The program and its arguments. There is no shell: no quoting, variables or ~."
    )
    keywords: tuple[str, ...] = setting(
        (), doc="Run it for these keywords alone.", unset="all keywords"
    )
    timeout_seconds: float = setting(
        10.0,
        doc="End the program and its process group after this time.",
        unit="s",
        minimum=0.01,
        maximum=86_400,
    )
    concurrency: int = setting(
        1, doc="How many runs may be under way; the next event waits.", minimum=1, maximum=64
    )
    queue: int = queue_setting(100)

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.run or not self.run[0]:
            raise ValidationErrors(["run: names no program"])


class CommandSink:
    """Starts the program in the order of the events, at most ``concurrency`` at a time.

    The event is JSON on its standard input and variables ``KWS_EDGE_EVENT_*``; its output
    goes to the log. ``failed`` counts runs that took too long or ended with an error,
    ``handled`` the others and events that are not for it.
    """

    def __init__(self, name: str, config: CommandConfig) -> None:
        self.name = name
        self.failed = self.handled = 0
        self._config = config
        self._slots = threading.Semaphore(config.concurrency)
        self._ended = threading.Condition()  # and the lock of what follows
        self._running: set[ChildProcess] = set()
        self._aborted = False

    def open(self) -> None: ...

    def handle(self, event: Event) -> None:
        """Start the program; waits while ``concurrency`` of them run."""
        keywords = self._config.keywords
        if event.type != "detection" or (keywords and event.data["label"] not in keywords):
            with self._ended:
                self.handled += 1
            return
        self._slots.acquire()
        try:
            child = self._start(event)
        except BaseException:
            self._slots.release()
            raise
        attend = threading.Thread(
            target=self._attend, args=(child, event), name=f"{self.name}-run", daemon=True
        )
        try:
            attend.start()
        except RuntimeError:  # the limit of tasks: one after the other is better than none
            self._attend(child, event)

    def close(self) -> None:
        """Give running programs a moment, then end them."""
        self._wait(CLOSE_SECONDS)
        self._signal(signal.SIGTERM)
        self._wait(TERM_SECONDS)
        self.abort()

    def abort(self) -> None:
        """End all programs and start no more; from any thread."""
        self._aborted = True
        self._signal(signal.SIGKILL)

    def _wait(self, seconds: float) -> None:
        with self._ended:
            self._ended.wait_for(lambda: not self._running, seconds)

    def _signal(self, number: signal.Signals) -> None:
        with self._ended:
            for child in self._running:
                log.warning("%s: sent %s as the sink closes", self._config.run[0], number.name)
                child.signal(number)

    def _start(self, event: Event) -> ChildProcess:
        with self._ended:
            if self._aborted:
                raise KwsEdgeError("closed before the program was started")
            try:
                child = ChildProcess(
                    self._config.run, f"{event.to_json()}\n".encode(), environment(event)
                )
            except OSError as error:
                raise KwsEdgeError(f"cannot run {self._config.run[0]}: {error.strerror}") from error
            self._running.add(child)
        return child

    def _attend(self, child: ChildProcess, event: Event) -> None:
        code, output = None, b""
        try:
            code, output = child.wait(self._config.timeout_seconds)
        finally:
            # logged before it is counted: the count implies that the reason is there
            self._report(event, code, output)
            with self._ended:
                self._running.discard(child)
                if code == 0:
                    self.handled += 1
                else:
                    self.failed += 1
                self._ended.notify_all()
            self._slots.release()

    def _report(self, event: Event, code: int | None, output: bytes) -> None:
        program = self._config.run[0]
        for line in output.decode(errors="replace").splitlines():
            log.info("%s: %s: %s", self.name, program, printable(line))
        if len(output) >= OUTPUT_LIMIT:
            log.info("%s: %s: more output was cut off", self.name, program)
        if code == 0 or self._aborted:
            return
        if code is None:
            took = f"took more than {self._config.timeout_seconds:g} s and was ended"
        else:
            took = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        log.warning("%s: %s %s (event %d)", self.name, program, took, event.id)


def environment(event: Event, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a program: ``base`` and each field of the event by its name."""
    variables = {name: value for name, value in base.items() if name not in NOT_INHERITED}
    for name, value in event.as_dict().items():
        text = value if isinstance(value, str) else json.dumps(value)
        variables[PREFIX + name.upper()] = text
    return variables


def _plan(name: str, settings: CommandConfig, context: SinkContext) -> SinkPlan:
    context.check_keywords(f"{name}.keywords", settings.keywords)
    return SinkPlan(CommandSink(name, settings), settings.queue, (name, settings))


def _check(name: str, settings: CommandConfig, context: SinkContext) -> list[str]:
    faults = []
    try:
        context.check_keywords(f"{name}.keywords", settings.keywords)
    except ConfigError as error:
        faults.append(str(error))
    program = settings.run[0]
    if not shutil.which(program):
        reason = "is not executable" if os.path.exists(program) else "is not there"
        place = "" if os.sep in program else " on PATH"
        faults.append(f"{name}.run: {program!r} {reason}{place}")
    return faults


SINK = SinkKind(
    "Programs that kws-edge runs for each detection.", CommandConfig, _plan, _check, many=True
)
