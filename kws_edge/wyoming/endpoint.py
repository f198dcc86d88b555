"""An address to serve at, ``tcp://HOST:PORT`` or ``unix:///PATH``, and its sockets."""

import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kws_edge.boundary import is_loopback, os_reason
from kws_edge.errors import AddressError, ValidationErrors

if TYPE_CHECKING:  # reading a configuration needs no asyncio, which takes long to import
    import asyncio
    from collections.abc import Callable

    Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


@dataclass(frozen=True)
class Endpoint:
    """Either ``host`` and ``port`` (0: any that is free), or ``path``."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    @classmethod
    def from_uri(cls, uri: str) -> "Endpoint":
        """Raises `ValidationErrors`."""
        try:
            parts = urlsplit(uri)
            if parts.scheme == "tcp" and parts.hostname and parts.port is not None:
                if not parts.path.strip("/"):
                    return cls(parts.hostname, parts.port)
            elif parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1:
                return cls(path=Path(parts.path))
        except ValueError:  # a port beyond 65535, half an IPv6 address
            pass
        raise ValidationErrors([f"uri: found {uri!r}, expected tcp://HOST:PORT or unix:///PATH"])

    async def serve(self, connected: "Connected", limit: int) -> "asyncio.Server":
        """Listen; ``limit`` is the longest line that a client may send.

        Raises `AddressError` for an address that cannot be had. A socket that a killed
        process left is replaced, one that somebody listens at is not.
        """
        import asyncio

        try:
            if self.path:
                listening = _bind(self.path)
                return await asyncio.start_unix_server(connected, sock=listening, limit=limit)
            return await asyncio.start_server(connected, self.host, self.port, limit=limit)
        except OSError as error:
            raise AddressError(f"cannot listen at {self}: {os_reason(error)}") from error

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


def bound(server: "asyncio.Server") -> list[Endpoint]:
    """Where a server really listens."""
    names = [(s.family, s.getsockname()) for s in server.sockets]
    return [
        Endpoint(path=Path(name)) if family == socket.AF_UNIX else Endpoint(name[0], name[1])
        for family, name in names
    ]


def is_local(endpoint: Endpoint) -> bool:
    """Whether a bound endpoint can be reached from this machine alone."""
    return endpoint.path is not None or is_loopback(endpoint.host)


def remove_socket(path: Path) -> None:
    """At the end, where it is still there."""
    path.unlink(missing_ok=True)


def _bind(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_room(path)
        listening.bind(str(path))
    except BaseException:
        listening.close()
        raise
    return listening


def _make_room(path: Path) -> None:
    """Remove a socket that no process listens on any more."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise AddressError(f"cannot listen at unix://{path}: there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except TimeoutError:
            pass  # somebody is there, if too busy to answer
    raise AddressError(f"cannot listen at unix://{path}: another server does")
