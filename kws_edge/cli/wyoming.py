"""``wyoming``: a wake-word server for Home Assistant and others."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kws_edge.cli.options import SHORT, config_options, loaded_config
from kws_edge.config.config import Config
from kws_edge.daemon.control import one_line
from kws_edge.daemon.systemd import is_main_process, sd_notify, watchdog_interval
from kws_edge.model.interpreter import interpreter_name
from kws_edge.process import log_to_stderr, process_signals
from kws_edge.sources.base import TICK_SECONDS
from kws_edge.wyoming.endpoint import Endpoint
from kws_edge.wyoming.sink import make_server, settings_of

log = logging.getLogger(__name__)

# The settings that it reads of a configuration: it has no microphone, and no sinks.
KEYS = ("model", "models", "threads", "detector", "verifier", "keywords", "wyoming")
SHORT_NAMES = SHORT | {
    "wyoming.uri": ["--uri"],
    "wyoming.max_clients": ["--max-clients"],
    "wyoming.max_per_address": ["--max-per-address"],
}
STATUS_SECONDS = 10.0


@click.command()
@click.option(
    "--zeroconf",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="As --wyoming-zeroconf, without a value: true.",
)
@click.option(
    "--language", multiple=True, help="One of --wyoming-languages. May be repeated.  [default: en]"
)
@click.option("--verbose", "-v", is_flag=True, help="Log every client that comes and goes.")
@config_options(KEYS, SHORT_NAMES)
def command(
    zeroconf: str | None,
    language: tuple[str, ...],
    verbose: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Spot keywords for clients of the Wyoming protocol.

    Home Assistant and its satellites use it for their wake words. One line on stderr for
    each detection and each fault; SIGTERM or Ctrl-C ends. The microphone and this server in one
    process: 'kws-edge listen' with wyoming: in the configuration.
    """
    if zeroconf is not None:
        given["wyoming_zeroconf"] = json.dumps(zeroconf or True)  # YAML reads it
    if language:
        given["wyoming_languages"] = json.dumps(language)

    def read() -> Config:
        return loaded_config(config, given).config

    loaded = read()
    settings_of(loaded).check_extras()
    stderr = log_to_stderr("%(message)s", logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("asyncio").setLevel("ERROR")
    server = ServerProcess(loaded, read)
    stderr.write(server.banner)
    asyncio.run(server.run())


class ServerProcess:
    """The server as a process: signals, reload, the service manager."""

    def __init__(self, config: Config, read: Callable[[], Config]) -> None:
        """``read`` reads the configuration again. Raises `KwsEdgeError`, as the models load."""
        from kws_edge.wyoming.client import SessionMaker

        self._settings, self._read, self._make = settings_of(config), read, SessionMaker
        make_session = SessionMaker(config, self._settings.languages)
        self._server = make_server(make_session, self._settings)
        names = ", ".join(one.name for one in make_session.models.manifests)
        words = ", ".join(make_session.models.active_keywords)
        self.banner = f"wake-word server for {words} ({names}, {interpreter_name()})"

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reloads where a service manager started this.

        Raises `AddressError`.
        """
        loop, stop, hangup = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def soon(action: Callable[[], None]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(action)

        signals = process_signals()
        with signals:
            signals.on_hangup(is_main_process(), lambda: soon(hangup.set))
            signals.when_stopped(lambda _: soon(stop.set))
            await self._server.start(
                Endpoint.from_uri(self._settings.uri), self._settings.announced_as
            )
            helpers = [asyncio.create_task(one) for one in (self._notify(), self._reload(hangup))]
            stopping = asyncio.create_task(stop.wait())
            # in short waits: Python handles a signal that comes just before one only after it
            while not stop.is_set():
                await asyncio.wait([stopping], timeout=TICK_SECONDS)
            sd_notify("STOPPING=1")
            for helper in helpers:
                helper.cancel()
            await self._server.close()

    async def _notify(self) -> None:
        """Without clients, the progress to report is that this loop goes round."""
        watchdog = watchdog_interval()
        state = "READY=1"
        while True:
            sd_notify(f"{state}\n{self._status()}")
            await asyncio.sleep(min(watchdog / 3 if watchdog else STATUS_SECONDS, STATUS_SECONDS))
            state = "WATCHDOG=1"

    def _status(self) -> str:
        places = self._server.places
        return f"STATUS={places.taken} of {places.most} clients"

    async def _reload(self, hangup: asyncio.Event) -> None:
        """Models and thresholds for the clients that come from now on; those that are connected
        keep theirs."""
        while await hangup.wait():
            hangup.clear()
            sd_notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                config = await asyncio.to_thread(self._read)
                settings = settings_of(config)
                make_session = await asyncio.to_thread(self._make, config, settings.languages)
            except Exception as error:  # whatever is wrong with it, the old one stays
                log.error("the configuration stays as it was: %s", one_line(error))
            else:
                self._server.make_session = make_session
                log.info("configuration reloaded; for clients that connect from now on")
                if settings != self._settings:
                    log.warning("changes of wyoming take a restart")
            sd_notify(f"READY=1\n{self._status()}")
