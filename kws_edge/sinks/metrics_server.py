"""The HTTP server of the metrics: one thread, whatever connects.

A connection has `REQUEST_SECONDS` from its beginning to the last byte of its answer. At most
`MAX_CONNECTIONS` are open: a new one takes the place of the oldest, so that half requests keep
nobody out.
"""

import asyncio
import io
import logging
import threading
from collections.abc import Callable
from typing import Any

from kws_edge.boundary import is_loopback, printable

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
MAX_REQUEST_BYTES = 8192
REQUEST_SECONDS = 5.0
CLOSE_SECONDS = 0.5


class MetricsServer:
    """Serves ``handler``, prometheus_client's `MetricsHandler`, at ``host`` and ``port``.

    ``port`` becomes the port in use. Raises `OSError` where the address is not free, and
    `RuntimeError` where no thread can start.
    """

    def __init__(self, handler: Any, host: str, port: int) -> None:
        self._answer = _answers(handler)
        self._connections: dict[asyncio.StreamWriter, None] = {}  # the oldest first
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_log_fault)
        try:
            self._server = self._loop.run_until_complete(self._listen(host, port))
            self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
            self._thread.start()
        except BaseException:
            self._loop.run_until_complete(self._end())
            self._loop.close()
            raise
        addresses = [socket.getsockname() for socket in self._server.sockets]
        self.port: int = addresses[0][1]
        if not all(is_loopback(address[0]) for address in addresses):
            log.warning("metrics: anybody in the network can read them at port %d", self.port)

    def close(self) -> None:
        """End, within `CLOSE_SECONDS`."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)

    async def _listen(self, host: str, port: int) -> asyncio.Server:
        # as many are accepted at once: fewer than all, so that none is closed before it is read
        backlog = MAX_CONNECTIONS // 4
        return await asyncio.start_server(
            self._serve, host, port, limit=MAX_REQUEST_BYTES, backlog=backlog
        )

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        if hasattr(self, "_server"):
            self._server.close()
        for writer in self._connections:
            writer.transport.abort()  # its task ends with it
        if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS / 2)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            oldest = next(iter(self._connections))
            self._connections.pop(oldest)
            oldest.transport.abort()
        self._connections[writer] = None
        late = asyncio.get_running_loop().call_later(REQUEST_SECONDS, writer.transport.abort)
        try:
            writer.write(self._answer(await _head(reader)))
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            pass  # it left
        finally:
            late.cancel()
            writer.transport.abort()
            self._connections.pop(writer, None)


async def _head(reader: asyncio.StreamReader) -> bytes:
    """A request up to its empty line, or what came of it."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        return await reader.read(MAX_REQUEST_BYTES + 1)


def _answers(handler: Any) -> Callable[[bytes], bytes]:
    """From a request to its answer, by ``handler``, which ``http.server`` feeds from a socket.
    Here both are bytes."""

    class Request(handler):  # type: ignore[misc]
        def __init__(self, head: bytes) -> None:
            self.client_address = ("", 0)
            self.rfile, self.wfile = io.BytesIO(head), io.BytesIO()
            self.handle_one_request()

        def do_GET(self) -> None:  # noqa: N802 - as http.server has it
            try:
                super().do_GET()
            except ValueError as error:  # half an IPv6 address in the path
                self.send_error(400, explain=printable(str(error)))

    def answer(head: bytes) -> bytes:
        if not head:
            return b""
        if len(head) > MAX_REQUEST_BYTES:
            return b"HTTP/1.0 431 Request Header Fields Too Large\r\n\r\n"
        answered: bytes = Request(head).wfile.getvalue()
        return answered

    return answer


def _log_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.warning("metrics: %s", context.get("exception") or context["message"])
