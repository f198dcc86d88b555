"""Settings of the Wyoming server, and the sink that runs it beside the microphone."""

import importlib.util
import logging
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kws_edge.boundary import is_loopback
from kws_edge.config.schema import find_bounds_faults, setting
from kws_edge.errors import AddressError, KwsEdgeError, ValidationErrors
from kws_edge.events import Event
from kws_edge.extras import not_installed
from kws_edge.model.file import find_model
from kws_edge.sinks.base import SinkContext, SinkKind, SinkPlan
from kws_edge.wyoming.endpoint import Endpoint

if TYPE_CHECKING:
    import asyncio

    from kws_edge.config.config import Config
    from kws_edge.wyoming.client import SessionMaker
    from kws_edge.wyoming.server import WyomingServer

MAX_NAME = 63  # bytes, of a service in DNS
CLOSE_SECONDS = 0.7
RETRY_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WyomingConfig:
    """Whom the server serves, and where."""

    uri: str = setting(
        "tcp://127.0.0.1:10400",
        doc="Where to listen: tcp://HOST:PORT or unix:///PATH. All of the network:"
        " tcp://0.0.0.0:10400; the protocol has no password.",
    )
    zeroconf: bool | str = setting(
        False,
        doc="Announce the server in the local network, true as 'kws-edge on HOST', or under another"
        " name.",
    )
    languages: tuple[str, ...] = setting(
        (), doc="Languages of the keywords in the server's description.", unset="`[en]`"
    )
    max_clients: int = setting(
        16,
        doc="More are refused, unless one was idle for 30 s: it loses its place.",
        unit="clients",
        minimum=1,
        maximum=1000,
    )
    max_per_address: int | None = setting(
        None,
        doc="Clients of one address of another machine.",
        unit="clients",
        minimum=1,
        maximum=1000,
        unset="three quarters of `max_clients`",
    )

    def __post_init__(self) -> None:
        faults = find_bounds_faults(self)
        try:
            endpoint = Endpoint.from_uri(self.uri)
        except ValidationErrors as error:
            faults += error.faults
        else:
            if self.zeroconf is not False and (endpoint.path or is_loopback(endpoint.host)):
                faults.append(
                    f"zeroconf: nobody else can reach {endpoint}; to listen to the network:"
                    " tcp://0.0.0.0:10400 as wyoming.uri"
                )
        name = self.zeroconf
        if isinstance(name, str) and not _is_service_name(name):
            faults.append(f"zeroconf: a name has at most {MAX_NAME} bytes, all printable")
        if faults:
            raise ValidationErrors(faults)

    @property
    def announced_as(self) -> str:
        """Empty where it is not announced."""
        if isinstance(self.zeroconf, str):
            return self.zeroconf
        return f"kws-edge on {socket.gethostname()}"[:MAX_NAME] if self.zeroconf else ""

    def check_extras(self) -> None:
        """Raises `ConfigError` where a library is missing."""
        for package in ("wyoming", *["zeroconf"] * bool(self.zeroconf)):
            if importlib.util.find_spec(package) is None:
                raise not_installed(package, package)


def settings_of(config: "Config") -> WyomingConfig:
    """Of a server that is asked for by its own command; by default all of them are unset."""
    settings: WyomingConfig = config.sinks.get("wyoming") or WyomingConfig()
    return settings


def _is_service_name(name: str) -> bool:
    return name.isprintable() and 0 < len(name.encode()) <= MAX_NAME


def make_server(make_session: "SessionMaker", settings: WyomingConfig) -> "WyomingServer":
    """A server that does not listen yet."""
    from kws_edge.wyoming.places import Places
    from kws_edge.wyoming.server import WyomingServer

    return WyomingServer(make_session, Places(settings.max_clients, settings.max_per_address))


class WyomingSink:
    """Runs the server in a thread with a loop and interpreters of its own.

    Events of the microphone do not concern it: each client gets the detections in its own audio.
    """

    name = "wyoming"

    def __init__(self, config: "Config", settings: WyomingConfig) -> None:
        """Raises `ConfigError` where a library is missing."""
        settings.check_extras()
        self._config, self._settings = config, settings
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Raises `KwsEdgeError` where a model does not load; an address that cannot be had is
        tried again."""
        import asyncio

        from kws_edge.wyoming.client import SessionMaker

        make_session = SessionMaker(self._config, self._settings.languages)
        server = make_server(make_session, self._settings)
        loop = asyncio.new_event_loop()
        run = (loop, server, self._settings)
        self._thread = threading.Thread(target=_run, args=run, name=self.name, daemon=True)
        self._thread.start()
        self._loop = loop

    def handle(self, event: Event) -> None: ...

    def close(self) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_SECONDS)


def _run(
    loop: "asyncio.AbstractEventLoop", server: "WyomingServer", settings: WyomingConfig
) -> None:
    starting = loop.create_task(_start(server, settings))
    loop.run_forever()
    starting.cancel()
    loop.run_until_complete(server.close())
    loop.close()


async def _start(server: "WyomingServer", settings: WyomingConfig) -> None:
    """The network may not be there yet at boot, and another server may end."""
    import asyncio

    said = ""
    while True:
        try:
            await server.start(Endpoint.from_uri(settings.uri), settings.announced_as)
            return
        except AddressError as error:
            if str(error) != said:
                log.error("sink wyoming: %s; trying again", error)
            said = str(error)
        await asyncio.sleep(RETRY_SECONDS)


def _plan(name: str, settings: WyomingConfig, context: SinkContext) -> SinkPlan | None:
    config = context.config
    if config is None:
        return None
    for model in config.model_names:
        find_model(model)  # the sink loads it when a reload has taken place
    used = [config.model_names, config.models, config.threads]
    used += [config.detector, config.verifier, config.keywords]
    identity = (name, settings, repr(used))  # thresholds by word have no hash
    return SinkPlan(WyomingSink(config, settings), 100, identity)


def _check(name: str, settings: WyomingConfig, context: SinkContext) -> list[str]:
    try:
        settings.check_extras()
    except KwsEdgeError as error:
        return [str(error)]
    return []


SINK = SinkKind(
    "The wake-word server for Home Assistant and others, beside the microphone (docs/wyoming.md).",
    WyomingConfig,
    _plan,
    _check,
)
