"""A program run for each detection."""

import json
import logging
import os
import signal
import threading
from collections.abc import Mapping

from kws_edge.config.config import CommandConfig
from kws_edge.errors import KwsEdgeError
from kws_edge.events import Event
from kws_edge.sinks.child_process import OUTPUT_LIMIT, ChildProcess

log = logging.getLogger(__name__)

PREFIX = "KWS_EDGE_EVENT_"
CLOSE_SECONDS = 0.4  # for programs that run when the daemon ends
TERM_SECONDS = 0.1  # more, once they have been told to end
# What systemd tells the daemon alone; a program that answered for it would be believed.
NOT_INHERITED = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


class CommandSink:
    """Starts the program in the order of the events, at most ``concurrency`` at a time.

    The event is JSON on its standard input and variables ``KWS_EDGE_EVENT_*``; its output
    goes to the log. ``failed`` counts runs that took too long or ended with a fault.
    """

    def __init__(self, name: str, config: CommandConfig) -> None:
        self.name = name
        self.failed = 0
        self._config = config
        self._slots = threading.Semaphore(config.concurrency)
        self._ended = threading.Condition()  # and the lock of what follows
        self._running: set[ChildProcess] = set()
        self._aborted = False

    def open(self) -> None: ...

    def handle(self, event: Event) -> None:
        """Start the program; waits while ``concurrency`` of them run."""
        if event.type != "detection":
            return
        if self._config.keywords and event.data["label"] not in self._config.keywords:
            return
        self._slots.acquire()
        try:
            child = self._start(event)
        except BaseException:
            self._slots.release()
            raise
        threading.Thread(
            target=self._attend, args=(child, event), name=f"{self.name}-run", daemon=True
        ).start()

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
        try:
            code, output = child.wait(self._config.timeout_seconds)
        finally:
            with self._ended:
                self._running.discard(child)
                self._ended.notify_all()
            self._slots.release()
        self._report(event, code, output)

    def _report(self, event: Event, code: int | None, output: bytes) -> None:
        program = self._config.run[0]
        for line in output.decode(errors="replace").splitlines():
            log.info("%s: %s: %s", self.name, program, _printable(line))
        if len(output) >= OUTPUT_LIMIT:
            log.info("%s: %s: more output was cut off", self.name, program)
        if code == 0 or self._aborted:
            return
        if code is None:
            took = f"took more than {self._config.timeout_seconds:g} s and was ended"
        else:
            took = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        log.warning("%s: %s %s (event %d)", self.name, program, took, event.id)
        with self._ended:  # counted once it is told: who sees the count finds the reason
            self.failed += 1


def environment(event: Event, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a program: ``base`` and each field of the event by its name."""
    variables = {name: value for name, value in base.items() if name not in NOT_INHERITED}
    for name, value in event.as_dict().items():
        text = value if isinstance(value, str) else json.dumps(value)
        variables[PREFIX + name.upper()] = text
    return variables


def _printable(line: str) -> str:
    """Without control characters, which could forge lines or colours in the log."""
    return "".join(c if c.isprintable() else "�" for c in line)
