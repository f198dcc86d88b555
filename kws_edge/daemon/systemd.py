"""Reports to systemd: ready after the first decision, alive only while there is progress.

The notification protocol of sd_notify(3): one datagram of ``NAME=value`` lines to the unix
socket that ``NOTIFY_SOCKET`` names.
"""

import os
import socket
import time
from collections.abc import Callable

STATUS_SECONDS = 10.0


class ServiceManager:
    """All calls are cheap and do nothing where no service manager listens."""

    def __init__(self) -> None:
        self._ready = False
        self._watchdog = watchdog_interval()
        self._alive_at = self._status_at = 0.0

    def ready(self, status: Callable[[], str]) -> None:
        """READY the first time, then ``status()`` every ten seconds; called only when it is due."""
        now = time.monotonic()
        if not self._ready:
            self._ready = True
            sd_notify(f"READY=1\nSTATUS={status()}")
        elif now - self._status_at >= STATUS_SECONDS:
            sd_notify(f"STATUS={status()}")
        else:
            return
        self._status_at = now

    def alive(self) -> None:
        """A block went through the whole pipeline. At most three a watchdog interval."""
        now = time.monotonic()
        if self._watchdog and now - self._alive_at >= self._watchdog / 3:
            self._alive_at = now
            sd_notify("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload has begun; READY follows."""
        self._ready = False
        sd_notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        sd_notify("STOPPING=1\nSTATUS=stopping")


def sd_notify(state: str) -> bool:
    """Send ``state``, such as ``READY=1\\nSTATUS=listening``; whether it was sent.

    Does nothing where no service manager listens, never waits and never raises: a lost
    message must not end the service.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if address.startswith("@"):  # the abstract namespace of Linux
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.connect(address)
            channel.sendall(state.encode())
    except OSError:
        return False
    return True


def watchdog_interval() -> float | None:
    """Seconds within which each ``WATCHDOG=1`` has to come; None where none is expected."""
    if os.environ.get("WATCHDOG_PID") not in (None, "", str(os.getpid())):
        return None  # meant for another process, which started this one
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
