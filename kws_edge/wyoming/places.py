"""Who is served: a limited number of clients, of one address a part of them.

Where all places are taken, a newcomer waits a moment, in which clients that closed at once
(a port scan, a health check) go, and gets the place of a client that has long been idle.
"""

import asyncio
import math
import time
from dataclasses import dataclass, field

from kws_edge.wyoming.protocol import ClientError

IDLE_SECONDS = 30.0  # a client that sent no event for so long may lose its place
ENTER_SECONDS = 1.0
LOOK_SECONDS = 0.02
MAX_WAITING = 250  # newcomers; each may have sent 128 KB, and a process may have 1024 sockets


@dataclass(eq=False)
class Client:
    """``name`` in the log; ``address`` of another machine, empty for this one."""

    name: str
    address: str
    stream: asyncio.StreamReader
    active_at: float = field(default_factory=time.monotonic)  # its last event


class Places:
    """``most`` clients, ``most_of_one`` (by default three quarters of them, so that one machine
    cannot take all) of each address but those of this machine."""

    def __init__(
        self, most: int, most_of_one: int | None = None, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self.most = most
        self._most_of_one = most_of_one or math.ceil(most * 0.75)
        self._idle_seconds = idle_seconds
        self._served: set[Client] = set()
        self._waiting = 0

    @property
    def taken(self) -> int:
        return len(self._served)

    async def enter(self, client: Client) -> str:
        """Take a place; why there is none, after `ENTER_SECONDS`.

        Raises `ConnectionError` where the client left meanwhile.
        """
        deadline = time.monotonic() + ENTER_SECONDS
        self._waiting += 1
        try:
            while reason := self._make_room(client):
                if client.stream.at_eof():
                    raise ConnectionError("left before there was a place")
                if time.monotonic() > deadline or self._waiting > MAX_WAITING:
                    return reason
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._waiting -= 1
        client.active_at = time.monotonic()
        self._served.add(client)
        return ""

    def leave(self, client: Client) -> None:
        self._served.discard(client)

    def _make_room(self, client: Client) -> str:
        """Nothing where there is a place, or an idle client lost its own; else the reason."""
        same = {other for other in self._served if other.address == client.address}
        if client.address and len(same) >= self._most_of_one:
            rivals = same
            of, option = " of this address", "--max-per-address"
        elif len(self._served) >= self.most:
            rivals = self._served
            of, option = "", "--max-clients"
        else:
            return ""
        longest = min(rivals, key=lambda other: other.active_at)
        idle = time.monotonic() - longest.active_at
        if idle < self._idle_seconds:
            return f"{len(rivals)} clients{of} are connected, no more are taken ({option})"
        self.leave(longest)
        longest.stream.set_exception(ClientError(f"idle for {idle:.0f} s, and its place is needed"))
        return ""
