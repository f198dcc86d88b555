"""The wake-word server: clients send audio by the Wyoming protocol and get keywords.

All clients run in one thread and take turns every 0.1 s of audio, so that they can share
the interpreter; each has a spotter of its own. What a client does wrong ends its own
connection and is one line in the log.
"""

import asyncio
import itertools
import logging
import socket
from collections.abc import Callable

from wyoming.error import Error
from wyoming.event import Event, async_write_event

from kws_edge.daemon.systemd import sd_notify, watchdog_interval
from kws_edge.errors import ConfigError
from kws_edge.process import Signals, process_signals
from kws_edge.wyoming.client import ClientSession
from kws_edge.wyoming.endpoint import Endpoint, bound, is_local, remove_socket
from kws_edge.wyoming.protocol import MAX_HEADER, ClientError, EventReader

log = logging.getLogger(__name__)

WRITE_SECONDS = 10.0  # a client that reads nothing for so long is sent away
STOP_SECONDS = 0.5
# a peer whose power was cut never says so: it is gone after 60 + 3 x 15 s
KEEPALIVE = {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 3}


class WyomingServer:
    """``make_session`` gives each client, known by its name in the log, its session."""

    def __init__(self, make_session: Callable[[str], ClientSession], max_clients: int) -> None:
        self._make_session = make_session
        self._max_clients = max_clients
        self._tasks: set[asyncio.Task[None]] = set()
        self._served = 0  # clients at present
        self._numbers = itertools.count(1)

    async def run(self, endpoint: Endpoint, announced_as: str | None = None) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises `AddressError`, and `ConfigError` for what nobody could reach announced.
        """
        signals = process_signals()
        with signals:
            signals.on_hangup(reload=False)
            await self._serve_until(signals, endpoint, announced_as)

    async def _serve_until(
        self, signals: Signals, endpoint: Endpoint, announced_as: str | None
    ) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        signals.when_stopped(lambda _: loop.is_closed() or loop.call_soon_threadsafe(stop.set))
        server = await endpoint.serve(self._connected, MAX_HEADER)
        helpers = [asyncio.create_task(self._notify_manager())]
        try:
            places = bound(server)
            if announced_as is not None:
                helpers.append(_announcing(announced_as, places))
            log.info("listening at %s", ", ".join(map(str, places)))
            if not all(map(is_local, places)):
                log.warning("anybody in the network can connect: the protocol knows no password")
            await stop.wait()
            sd_notify("STOPPING=1")
        finally:
            server.close()
            if endpoint.path:
                remove_socket(endpoint.path)
            await _end([*helpers, *self._tasks])

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a task of its own: that of asyncio's streams takes being cancelled for a fault
        task = asyncio.create_task(self._attend(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = f"client {next(self._numbers)}{_peer(writer)}"
        served = self._served < self._max_clients
        self._served += served
        try:
            if served:
                log.debug("%s: connected", name)
                await self._serve(self._make_session(name), EventReader(reader), writer)
                log.debug("%s: left", name)
            else:
                await self._refuse(name, writer)
        except ClientError as error:
            log.warning("%s: %s; sent away", name, error)
        except ConnectionError as error:
            log.debug("%s: %s", name, error)
        except Exception as error:  # a fault here must not end what the others do
            log.exception("%s: %s: %s; sent away", name, type(error).__name__, error)
        finally:
            self._served -= served
            writer.close()

    async def _serve(
        self, session: ClientSession, reader: EventReader, writer: asyncio.StreamWriter
    ) -> None:
        while event := await reader.read():
            for answer in session.handle(event):
                if answer:
                    await _send(answer, writer)
                else:
                    await asyncio.sleep(0)  # in a long chunk, the others' turn
            await asyncio.sleep(0)  # however much of this client is waiting

    async def _refuse(self, name: str, writer: asyncio.StreamWriter) -> None:
        text = f"{self._max_clients} clients are connected, no more are taken (--max-clients)"
        log.warning("%s: refused: %s", name, text)
        await _send(Error(text=text, code="too-many-clients").event(), writer)

    async def _notify_manager(self) -> None:
        """Without clients, the progress to report is that this loop goes round."""
        watchdog = watchdog_interval()
        state = "READY=1"
        while True:
            sd_notify(f"{state}\nSTATUS={self._served} of {self._max_clients} clients")
            await asyncio.sleep(min(watchdog / 3 if watchdog else 10.0, 10.0))
            state = "WATCHDOG=1"


def _announcing(name: str, places: list[Endpoint]) -> "asyncio.Task[None]":
    if all(map(is_local, places)):
        raise ConfigError(
            f"--zeroconf: nobody else can reach {places[0]}; to listen to the network:"
            " --uri tcp://0.0.0.0:10400"
        )
    from kws_edge.wyoming.announcement import announce

    return asyncio.create_task(announce(name, places[0]))


async def _send(event: Event, writer: asyncio.StreamWriter) -> None:
    late = asyncio.get_running_loop().call_later(WRITE_SECONDS, writer.transport.abort)
    try:
        await async_write_event(event, writer)
    except ConnectionError:
        if late.when() <= asyncio.get_running_loop().time():
            raise ClientError(f"read nothing for {WRITE_SECONDS:g} s") from None
        raise
    finally:
        late.cancel()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=STOP_SECONDS)


def _peer(writer: asyncio.StreamWriter) -> str:
    """The address of a TCP client; keepalive makes its silent end noticeable."""
    connection = writer.get_extra_info("socket")
    if connection.family == socket.AF_UNIX:
        return ""
    for option, value in KEEPALIVE.items():
        level = socket.SOL_SOCKET if option == "SO_KEEPALIVE" else socket.IPPROTO_TCP
        if hasattr(socket, option):  # not every system has all of them
            connection.setsockopt(level, getattr(socket, option), value)
    host, port = writer.get_extra_info("peername")[:2]
    return f" ({host} port {port})"
