"""Telling the service manager how it goes: systemd's notification protocol, sd_notify(3).

One datagram of ``NAME=value`` lines to the unix socket that ``NOTIFY_SOCKET`` names.
"""

import os
import socket


def sd_notify(state: str) -> bool:
    """Send ``state``, such as ``READY=1\\nSTATUS=listening``; whether it was sent.

    Does nothing where no service manager listens, never waits and never raises: that
    nobody hears it must not end the service.
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
