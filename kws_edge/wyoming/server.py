"""The wake-word server: clients send audio by the Wyoming protocol and get keywords.

All clients run in one thread and take turns every 0.1 s of audio, so that they can share
the interpreter; each has a spotter of its own. What a client does wrong ends its own
connection and is one line in the log.
"""

import asyncio
import itertools
import logging
import math
import select
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

from wyoming.error import Error
from wyoming.event import Event, async_write_event

from kws_edge.boundary import is_loopback
from kws_edge.wyoming.client import ClientSession
from kws_edge.wyoming.endpoint import Endpoint, bound, is_local, remove_socket
from kws_edge.wyoming.places import Client, Places
from kws_edge.wyoming.protocol import MAX_HEADER, ClientError, EventReader

log = logging.getLogger(__name__)

WRITE_SECONDS = 10.0  # a client that reads nothing for so long is sent away
FINISH_SECONDS = 2.0  # of work for a client that sends no more
STOP_SECONDS = 0.5
# a peer whose power was cut never says so: it is gone after 60 + 3 x 15 s
KEEPALIVE = {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 3}


class WyomingServer:
    """``make_session`` gives each client, known by its name in the log, its session; it may be
    exchanged for those who come later."""

    def __init__(self, make_session: Callable[[str], ClientSession], places: Places) -> None:
        self.make_session = make_session
        self.places = places
        self._server: asyncio.Server | None = None
        self._endpoint = Endpoint()
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)

    async def start(self, endpoint: Endpoint, announced_as: str = "") -> None:
        """Listen and, with a name, announce that. Raises `AddressError`."""
        asyncio.get_running_loop().set_exception_handler(_log_fault)
        self._server = await endpoint.serve(self._connected, MAX_HEADER)
        self._endpoint = endpoint
        places = bound(self._server)
        log.info("wyoming: listening at %s", ", ".join(map(str, places)))
        local = all(map(is_local, places))
        if not local:
            log.warning("anybody in the network can connect: the protocol knows no password")
        elif announced_as:
            log.warning("cannot announce %r: nobody else can reach %s", announced_as, places[0])
        if announced_as and not local:
            from kws_edge.wyoming.announcement import announce

            self._keep(announce(announced_as, places[0]))

    async def close(self) -> None:
        """End all that `start` began, within about `STOP_SECONDS`."""
        if self._server:
            self._server.close()
        if self._endpoint.path:
            remove_socket(self._endpoint.path)
        if tasks := set(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_SECONDS)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a task of its own: that of asyncio's streams takes being cancelled for a fault
        self._keep(self._attend(reader, writer))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, port = _peer(writer)
        name = f"client {next(self._numbers)}" + (f" ({address} port {port})" if address else "")
        client = Client(name, "" if is_loopback(address) else address, reader)
        try:
            if refusal := await self.places.enter(client):
                log.warning("%s: refused: %s", name, refusal)
                await _send(Error(text=refusal, code="too-many-clients").event(), writer)
            else:
                log.debug("%s: connected", name)
                await self._serve(client, writer)
                log.debug("%s: left", name)
        except ClientError as error:
            log.warning("%s: %s; sent away", name, error)
        except ConnectionError as error:
            log.debug("%s: %s", name, error)
        except Exception as error:  # a fault here must not end what the others do
            log.exception("%s: %s: %s; sent away", name, type(error).__name__, error)
        finally:
            self.places.leave(client)
            writer.close()

    async def _serve(self, client: Client, writer: asyncio.StreamWriter) -> None:
        session, reader = self.make_session(client.name), EventReader(client.stream)
        until = math.inf
        while event := await reader.read():
            # None: the others' turn, in a long chunk and after each event
            for answer in itertools.chain(session.handle(event), [None]):
                client.active_at = time.monotonic()
                await (_send(answer, writer) if answer else asyncio.sleep(0))
                # an end may be half of one: a client that sent all and reads its answers
                if until == math.inf and _sends_no_more(writer):
                    until = time.monotonic() + FINISH_SECONDS
                if time.monotonic() > until:
                    raise ConnectionError("left; the rest of its audio is not worked off")


async def _send(event: Event, writer: asyncio.StreamWriter) -> None:
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        writer.transport.abort()  # closing would wait for the client to read

    # not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes as the write ends
    timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, expire)
    try:
        await async_write_event(event, writer)
    finally:
        timer.cancel()
    if expired:
        raise ClientError(f"read nothing for {WRITE_SECONDS:g} s")


def _log_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A fault of asyncio itself: one line, where its own handler writes a traceback."""
    log.error("%s", context.get("exception") or context["message"])


def _sends_no_more(writer: asyncio.StreamWriter) -> bool:
    """Whether the client closed its side, even if much that it sent before is still unread."""
    if writer.is_closing():
        return True
    if not hasattr(select, "POLLRDHUP"):  # Linux alone has it
        return False
    poll = select.poll()
    poll.register(writer.get_extra_info("socket").fileno(), select.POLLRDHUP)
    return bool(poll.poll(0))


def _peer(writer: asyncio.StreamWriter) -> tuple[str, int]:
    """Address and port of a TCP client; keepalive makes its silent end noticeable."""
    connection = writer.get_extra_info("socket")
    if connection.family == socket.AF_UNIX:
        return "", 0
    for option, value in KEEPALIVE.items():
        level = socket.SOL_SOCKET if option == "SO_KEEPALIVE" else socket.IPPROTO_TCP
        if hasattr(socket, option):  # not every system has all of them
            connection.setsockopt(level, getattr(socket, option), value)
    host, port = writer.get_extra_info("peername")[:2]
    return host, port
