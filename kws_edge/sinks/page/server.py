"""The HTTP server of the page: files, state, a stream of events and scores, clips.

It runs in a thread of its own. Every request passes `_guard`: the name by which it was reached
must be this machine's, another site's page may ask for nothing, and with a token nothing but the
page's files is served to a browser without it. With a proxy, which has names of its own, only the
proxy is answered.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from importlib.resources import files
from ipaddress import ip_address
from typing import Any, Protocol

from aiohttp import web

from kws_edge.audio.level import to_dbfs
from kws_edge.boundary import is_loopback, os_reason, printable
from kws_edge.errors import KwsEdgeError
from kws_edge.events import Event
from kws_edge.metrics import Relay
from kws_edge.sinks.page import PageConfig
from kws_edge.sources.base import Block
from kws_edge.spotter import Decision

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64  # a new one takes the place of the oldest
MAX_WATCHERS = 16
MAX_WAITING = 200  # messages for a watcher who takes none: then the oldest go
MAX_REQUEST_BYTES = 4096
STATE_SECONDS = 1.0
WRONG_TOKEN_SECONDS = 1.0
CLOSE_SECONDS = 0.5
COOKIE = "kws-edge-page"
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src data:; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors {frames}",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PagePart(Protocol):
    """A view of the page with requests of its own.

    Its handlers run in the server's thread, behind its guard: they answer `fault` or raise
    `KwsEdgeError` (422), `OSError` (500) or `web.HTTPException`, and leave whatever waits for a
    disk or a process to ``asyncio.to_thread``.
    """

    def routes(self) -> Iterable[web.RouteDef]:
        """Its requests, under ``/api/`` and its name."""
        ...

    def describe(self) -> dict[str, Any]:
        """What ``/api/state`` shows under its name; quick, since it is asked every second."""
        ...


class PageServer:
    """Serves at ``config.host`` and ``config.port``; ``port`` becomes the port in use.

    ``state`` returns the document of ``/api/state``, to which each of ``parts`` adds its own by
    its name. Raises `OSError` where the address is not free, and `RuntimeError` where no thread
    can start.
    """

    def __init__(
        self,
        config: PageConfig,
        token: str,
        state: Callable[[], dict[str, Any]],
        relay: Relay | None,
        parts: Mapping[str, PagePart],
    ) -> None:
        self._config, self._token, self._state, self._parts = config, token, state, parts
        self._relay, self._power, self._samples = relay, 0.0, 0
        self._watchers: dict[asyncio.Queue[str], bool] = {}  # whether each wants scores
        self._names = {name.lower() for name in (*config.names, config.host)} | _own_names()
        self._pages = _pages()
        # a proxy may show the page in a frame of its own site, as Home Assistant does
        frames = "'none'" if config.proxy is None else "'self'"
        self._headers = {name: value.replace("{frames}", frames) for name, value in HEADERS.items()}
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_log_fault)
        try:
            self._server = self._loop.run_until_complete(self._listen())
            self._thread = threading.Thread(target=self._run, name="page", daemon=True)
            self._thread.start()
        except BaseException:
            self._loop.run_until_complete(self._end())
            self._loop.close()
            raise
        self.port: int = self._server.sockets[0].getsockname()[1]
        host = f"[{config.host}]" if ":" in config.host else config.host
        log.info("page: http://%s:%d/", host, self.port)
        if config.proxy is not None:
            log.info("page: answers %s alone", config.proxy)
        elif not is_loopback(config.host):
            log.warning("page: the token and the audio of clips cross the network unencrypted")

    def publish(self, event: Event) -> None:
        """Send an event to all who watch; from any thread, never waits."""
        if self._watchers:
            self._soon(self._send, event.as_dict())

    def close(self) -> None:
        """End, within `CLOSE_SECONDS`."""
        self._soon(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)

    def block(self, block: Block) -> None:
        """As `Observer`, attached while somebody watches scores."""
        samples = block.samples
        self._power += float(samples @ samples)
        self._samples += len(samples)

    def decision(self, decision: Decision) -> None:
        power = self._power / max(self._samples, 1)
        self._power, self._samples = 0.0, 0
        if decision.idle or decision.scores is not None:
            self._soon(self._send_scores, decision, power)

    def event(self, event: Event) -> None: ...  # the worker of the sink has it

    def _soon(self, action: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(action, *arguments)

    def _send_scores(self, decision: Decision, power: float) -> None:
        scores = decision.posteriors if decision.scores is None else decision.scores
        self._send(
            {
                "type": "scores",
                "sample": decision.sample,
                "level_dbfs": round(to_dbfs(power), 1),
                "idle": decision.idle,
                "scores": [round(score, 3) for score in scores.tolist()],
            },
            scores=True,
        )

    def _send(self, message: dict[str, Any], scores: bool = False) -> None:
        text = json.dumps(message, ensure_ascii=False)
        for waiting, wants_scores in self._watchers.items():
            if wants_scores or not scores:
                if waiting.full():
                    waiting.get_nowait()
                waiting.put_nowait(text)

    async def _listen(self) -> asyncio.Server:
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_REQUEST_BYTES)
        app.add_routes(
            [
                *(web.get(path, self._page) for path in self._pages),
                web.post("/api/login", self._login),
                web.get("/api/state", self._get_state),
                web.get("/api/stream", self._stream),
                *(route for part in self._parts.values() for route in part.routes()),
            ]
        )
        silent = logging.getLogger(f"{__name__}.http")  # a traceback for each malformed request
        silent.setLevel(logging.CRITICAL + 1)
        self._runner = web.AppRunner(
            app, access_log=None, logger=silent, keepalive_timeout=15, shutdown_timeout=0.1
        )
        await self._runner.setup()
        return await self._loop.create_server(self._connect, self._config.host, self._config.port)

    def _connect(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        assert server
        if len(server.connections) >= MAX_CONNECTIONS:
            oldest = server.connections[0].transport
            if oldest:
                oldest.abort()
        return server()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        if hasattr(self, "_server"):
            self._server.close()
        if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS / 4)
        with suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._runner.cleanup(), CLOSE_SECONDS / 2)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            refused = self._refused(request)
            # not "or": in aiohttp 3.9 an answer counts as false
            response = await handler(request) if refused is None else refused
        except web.HTTPException as error:
            response = fault(error.status, error.reason)
        except KwsEdgeError as error:
            response = fault(422, str(error))
        except ConnectionError:  # it left
            raise
        except OSError as error:
            response = fault(500, os_reason(error))
        except Exception:
            log.exception("page: a fault in the program")
            response = fault(500, "a fault in the program; its log says more")
        if not response.prepared:
            response.headers.update(self._headers)
        return response

    def _refused(self, request: web.Request) -> web.Response | None:
        """Why a request gets no answer: it comes past the proxy, by a foreign name (DNS
        rebinding), from another site's page (forged requests), or without a token."""
        if self._config.proxy is None:
            if not self._is_own(request.headers.get("Host", "")):
                return fault(421, "this machine is not known by that name; see page.names")
        elif request.remote is None or ip_address(request.remote) != ip_address(self._config.proxy):
            return fault(403, "only page.proxy is answered")
        if self._is_from_another_site(request):
            return fault(403, "another site may not use this page")
        if request.method == "POST" and request.content_type != "application/json":
            return fault(415, "send application/json")
        if self._token and request.path.startswith("/api/") and request.path != "/api/login":
            bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not (
                _equal(bearer, self._token)
                or _equal(request.cookies.get(COOKIE, ""), _cookie_of(self._token))
            ):
                return fault(401, "give the token of page.token_file")
        return None

    def _is_from_another_site(self, request: web.Request) -> bool:
        host = request.headers.get("Host", "")
        names = {host}
        if self._config.proxy is not None:  # its browsers may use another name
            names.add(request.headers.get("X-Forwarded-Host", host))
        # by TLS where a proxy of this machine adds it: the same host and port all the same
        sites = {f"{scheme}://{name}" for scheme in ("http", "https") for name in names}
        site = request.headers.get("Sec-Fetch-Site", "none")
        navigates = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.method == "GET"
        if site not in ("none", "same-origin") and not navigates:
            return True
        return request.headers.get("Origin", f"http://{host}") not in sites

    def _is_own(self, host: str) -> bool:
        """Whether the header ``Host`` names this machine: an address cannot be rebound."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        name = name.strip("[]").lower().rstrip(".")
        with suppress(ValueError):
            return bool(ip_address(name.split("%")[0]))
        return name == "localhost" or name in self._names

    async def _page(self, request: web.Request) -> web.Response:
        content, kind = self._pages[request.path]
        return web.Response(body=content, content_type=kind, charset="utf-8")

    async def _login(self, request: web.Request) -> web.Response:
        token = (await json_body(request)).get("token")
        if not self._token or not isinstance(token, str) or not _equal(token, self._token):
            await asyncio.sleep(WRONG_TOKEN_SECONDS)
            return fault(401, "that is not the token of page.token_file")
        response = web.json_response({})
        response.set_cookie(COOKIE, _cookie_of(self._token), httponly=True, samesite="Strict")
        return response

    async def _get_state(self, request: web.Request) -> web.Response:
        return web.json_response(self._whole_state())

    def _whole_state(self) -> dict[str, Any]:
        parts = {name: part.describe() for name, part in self._parts.items()}
        return {**self._state(), "watchers": len(self._watchers), **parts}

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket: a message of type ``state`` at once and every second, all events and, with
        ``?scores=1``, those of each decision."""
        if len(self._watchers) >= MAX_WATCHERS:
            return fault(503, f"{MAX_WATCHERS} watch already")
        stream = web.WebSocketResponse(heartbeat=20, max_msg_size=1024, compress=False)
        await stream.prepare(request)
        waiting: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)
        sending = asyncio.gather(self._forward(stream, waiting), self._repeat_state(waiting))
        self._watch(waiting, request.query.get("scores") == "1")
        try:
            async for _ in stream:  # until it is closed; nothing is expected
                pass
        finally:
            self._unwatch(waiting)
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
        return stream

    async def _forward(self, stream: web.WebSocketResponse, waiting: "asyncio.Queue[str]") -> None:
        with suppress(ConnectionError):  # it left
            while True:
                await stream.send_str(await waiting.get())

    async def _repeat_state(self, waiting: "asyncio.Queue[str]") -> None:
        state = self._whole_state()
        while True:
            if not waiting.full():
                waiting.put_nowait(json.dumps({"type": "state", **state}, ensure_ascii=False))
            await asyncio.sleep(STATE_SECONDS)
            state = self._whole_state()
            del state["events"]  # they come by themselves

    def _watch(self, waiting: "asyncio.Queue[str]", scores: bool) -> None:
        if scores and self._relay and not any(self._watchers.values()):
            self._relay.attach(self)
        self._watchers[waiting] = scores

    def _unwatch(self, waiting: "asyncio.Queue[str]") -> None:
        scores = self._watchers.pop(waiting)
        if scores and self._relay and not any(self._watchers.values()):
            self._relay.detach(self)


def _pages() -> dict[str, tuple[bytes, str]]:
    """The files of the page by their path, with their type; read once, so that no path that a
    request names is ever opened."""
    folder = files("kws_edge.sinks.page")
    found = {f"/{one.name}": one for one in folder.iterdir()}
    found["/"] = found.pop("/index.html")
    return {
        path: (one.read_bytes(), TYPES[suffix])
        for path, one in found.items()
        if (suffix := one.name.rpartition(".")[2]) in TYPES
    }


def _own_names() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name.split('.')[0]}.local"}


async def json_body(request: web.Request) -> dict[str, Any]:
    """The object that a request sends; an answer of 400 where it sends none."""
    try:
        body = json.loads(await request.text())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(reason="the body is no JSON object")
    return body


async def in_force(done: "Future[None]", seconds: float) -> None:
    """Wait for a change between two blocks of audio. Raises what prevents it, and an answer of 503
    where it does not come in time; then it stays asked for."""
    try:
        await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(done)), seconds)
    except (TimeoutError, asyncio.TimeoutError):
        reason = "no audio comes: the change waits for it"
        raise web.HTTPServiceUnavailable(reason=reason) from None


def fault(status: int, reason: str) -> web.Response:
    """The answer to a request that cannot be served, and why."""
    return web.json_response({"error": printable(reason)}, status=status)


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _cookie_of(token: str) -> str:
    """Proves the token and does not reveal it; holds until the token is changed."""
    return hmac.new(token.encode(), COOKIE.encode(), hashlib.sha256).hexdigest()


def _log_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.warning("page: %s", context.get("exception") or context["message"])
