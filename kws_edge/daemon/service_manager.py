"""What systemd is told: ready after the first decision, alive only while there is progress."""

import time
from collections.abc import Callable

from kws_edge.daemon.notify import sd_notify, watchdog_interval

STATUS_SECONDS = 10.0


class ServiceManager:
    """All calls are cheap and do nothing where no service manager listens."""

    def __init__(self) -> None:
        self._ready = False
        self._watchdog = watchdog_interval()
        self._alive_at = self._status_at = 0.0

    def ready(self, status: Callable[[], str]) -> None:
        """The first time READY, then the status every ten seconds; asked for only then."""
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
