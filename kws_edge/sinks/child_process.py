"""A program in a session and process group of its own, with bounded output."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

OUTPUT_LIMIT = 8192  # bytes of output that are kept; the rest is read and dropped
GRACE_SECONDS = 0.5  # between SIGTERM and SIGKILL


class ChildProcess:
    """A running program. Raises `OSError` where it cannot be started."""

    def __init__(
        self, arguments: Sequence[str], data: bytes, environment: Mapping[str, str]
    ) -> None:
        # Standard input is a file in memory: writing it cannot block and cannot fail with a
        # broken pipe, whether the program reads or not.
        memory = os.memfd_create("kws-edge-event")
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
