"""The page in the browser: settings of its server, and the sink that feeds it."""

import time
from collections import deque
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_edge import __version__
from kws_edge.boundary import is_loopback, os_reason
from kws_edge.config.schema import check_bounds, setting
from kws_edge.detection.detector import is_keyword
from kws_edge.errors import ConfigError, KwsEdgeError, ValidationErrors
from kws_edge.events import Event
from kws_edge.extras import import_extra
from kws_edge.files import read_secret
from kws_edge.sinks.base import SinkContext, SinkKind, SinkNeeds, SinkPlan, queue_setting

if TYPE_CHECKING:
    from kws_edge.metrics import Metrics
    from kws_edge.sinks.base import DetectorControl, ModelControl
    from kws_edge.sinks.page.server import PagePart, PageServer

RECENT_EVENTS = 100  # that a page shows which is opened later
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class PageConfig:
    """A page for the browser: what is recognised now, and the clips of it."""

    host: str = setting(
        "127.0.0.1",
        doc="Address to serve on. Beyond loopback token_file is required.",
    )
    port: int = setting(9755, doc="Port; 0 takes any free one.", minimum=0, maximum=65_535)
    token_file: Path | None = setting(
        None,
        doc="File with the token that a browser must give once, of at least"
        f" {SHORTEST_TOKEN} characters, readable by its owner alone.",
        unset="none: every user of this machine sees the page",
    )
    proxy: str | None = setting(
        None,
        doc="Address of a reverse proxy that decides who sees the page, such as Home Assistant's"
        " ingress, 172.30.32.2. Only the proxy is answered, and token_file is not required.",
        unset="none",
    )
    names: tuple[str, ...] = setting(
        (),
        doc="Further host names by which browsers reach this machine; its own name, NAME.local and"
        " addresses always work.",
        unset="none",
    )
    recordings: Path | None = setting(
        None,
        doc="Folder for samples that are recorded or labelled on the page, as 'kws-edge record'"
        " fills it.",
        unset="none: nothing can be recorded or labelled",
    )
    training: Path | None = setting(
        None,
        doc="The Python interpreter that has the training side, with which the page teaches.",
        unset="the one that kws-edge runs in",
    )
    near_miss: float = setting(
        0.6,
        doc="Show near misses: smoothed scores of at least this share of the threshold. They are"
        " events for every destination. 0 shows none.",
        minimum=0,
        maximum=1,
        excluded=1,
    )
    queue: int = queue_setting(1000)

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.host.strip():
            raise ValidationErrors(["host: is empty"])
        if self.proxy is not None:
            _check_proxy(self.proxy, self.host)
        elif not is_loopback(self.host) and self.token_file is None:
            raise ValidationErrors([f"token_file: is missing, and {self.host} is beyond loopback"])


def _check_proxy(address: str, host: str) -> None:
    """Raises `ValidationErrors`. From a loopback address every program of the machine connects."""
    try:
        proxy = ip_address(address)
        valid = not (
            proxy.is_loopback or proxy.is_unspecified or proxy.is_multicast or proxy.is_reserved
        )
    except ValueError:
        valid = False
    if not valid:
        raise ValidationErrors(
            [
                f"proxy: found {address!r}, expected the IP address from which the proxy connects,"
                " not a name, a network or this machine's loopback"
            ]
        )
    if is_loopback(host):
        raise ValidationErrors(
            [f"proxy: {address} cannot reach page.host {host}; set page.host: 0.0.0.0"]
        )


class PageSink:
    """Serves the page and passes events on to those who watch it."""

    name = "page"

    def __init__(
        self,
        config: PageConfig,
        token: str,
        context: SinkContext,
        metrics: "Metrics",
        detector: "DetectorControl",
        models: "ModelControl",
    ) -> None:
        """The last three are those of ``context``. Raises `ConfigError` where aiohttp
        is not installed."""
        import_extra("aiohttp.web", "page")
        self._config, self._token, self._context = config, token, context
        self._metrics, self._detector, self._models = metrics, detector, models
        self._recent: deque[Event] = deque(maxlen=RECENT_EVENTS)
        self._microphone: dict[str, Any] = {}
        self._cpu = (time.monotonic(), time.process_time(), 0.0)
        self._server: PageServer | None = None

    @property
    def port(self) -> int:
        """The port in use once the sink is open."""
        return self._server.port if self._server else 0

    def open(self) -> None:
        """Raises `KwsEdgeError` where the address is not free."""
        from kws_edge.sinks.page.clips import Clips
        from kws_edge.sinks.page.live_settings import LiveSettings
        from kws_edge.sinks.page.record import Record
        from kws_edge.sinks.page.server import PageServer
        from kws_edge.sinks.page.teach import Teach

        config, context = self._config, self._context
        saved = context.settings.get("clips")
        folder = saved.folder if saved else None
        labels = lambda: self._models.in_force.labels  # noqa: E731
        parts: dict[str, PagePart] = {
            "clips": Clips(folder, config.recordings, labels),
            "record": Record(config.recordings, labels, context.sample_rate, context.relay),
            "teach": Teach(config.recordings, config.training, self._models),
            "settings": LiveSettings(self._detector),
        }
        try:
            self._server = PageServer(config, self._token, self.state, context.relay, parts)
        except OSError as error:
            where = f"{config.host}:{config.port}"
            raise KwsEdgeError(f"cannot serve {where}: {os_reason(error)}") from error

    def handle(self, event: Event) -> None:
        self._recent.append(event)
        if event.type == "microphone":
            self._microphone = {key: event.data.get(key, "") for key in ("state", "reason")}
        if self._server:
            self._server.publish(event)

    def close(self) -> None:
        if self._server:
            self._server.close()

    def state(self) -> dict[str, Any]:
        """The document of ``/api/state``, without what the server adds."""
        metrics, settings, model = self._metrics, self._detector.in_force, self._models.in_force
        keywords = [label for label in model.labels if is_keyword(label)]
        known = metrics.microphone_state != "lost"  # another page may have seen it open
        queues = ("waiting", "dropped", "failed", "handled")
        return {
            "schema": 1,
            "version": __version__,
            "model": model.name,
            "sample_rate": self._context.sample_rate,
            "labels": list(model.labels),
            "keywords": keywords,
            "mute": settings.mute,
            "active": list(settings.keywords),
            "thresholds": {**settings.thresholds},
            "presets": {
                name: {word: preset.threshold_of(word) for word in keywords}
                for name, preset in self._detector.presets.items()
            },
            "preset": settings.preset,
            "microphone": self._microphone
            or ({"state": metrics.microphone_state, "reason": ""} if known else None),
            "audio_s": round(metrics.audio_seconds(), 2),
            "idle_s": round(metrics.rested_seconds(), 2),
            "samples_lost": metrics.samples_dropped,
            "detections": dict(metrics.detections),
            "near_misses": dict(metrics.near_misses),
            "cpu_percent": self._cpu_percent(),
            "sinks": [
                {"name": name, **{figure: getattr(queue, figure) for figure in queues}}
                for name, queue in metrics.sinks()
            ],
            "events": [event.as_dict() for event in list(self._recent)],
        }

    def _cpu_percent(self) -> float:
        """Of one core, of the whole process, since about a second ago."""
        at, seconds, percent = self._cpu
        now, used = time.monotonic(), time.process_time()
        if now - at >= 0.9:
            percent = round(100 * (used - seconds) / (now - at), 1)
            self._cpu = now, used, percent
        return percent


def _token(config: PageConfig) -> str:
    """Raises `ConfigError`; empty where none is asked for."""
    if config.token_file is None:
        return ""
    token = read_secret(config.token_file, "page.token_file")
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise ConfigError(
            f"page.token_file: {config.token_file}: needs {SHORTEST_TOKEN} characters of ASCII in"
            " one line, such as 'openssl rand -hex 16' prints"
        )
    return token


def _plan(name: str, settings: PageConfig, context: SinkContext) -> SinkPlan | None:
    if context.metrics is None or context.detector is None or context.models is None:
        return None
    clips, token = context.settings.get("clips"), _token(settings)
    sink = PageSink(settings, token, context, context.metrics, context.detector, context.models)
    identity = (name, settings, context.metrics, clips and clips.folder, token)
    return SinkPlan(sink, settings.queue, identity)


def _check(name: str, settings: PageConfig, context: SinkContext) -> list[str]:
    try:
        import_extra("aiohttp.web", "page")
        _token(settings)
    except KwsEdgeError as error:
        return [str(error)]
    return []


SINK = SinkKind(
    "A page for the browser: scores, detections and clips, at http://HOST:PORT/.",
    PageConfig,
    _plan,
    _check,
    lambda settings: SinkNeeds(near_miss=settings.near_miss),
)
