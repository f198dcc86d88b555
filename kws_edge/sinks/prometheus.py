"""The figures of the daemon for Prometheus, at ``http://host:port/metrics``."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kws_edge import __version__
from kws_edge.boundary import os_reason
from kws_edge.config.schema import check_bounds, setting
from kws_edge.errors import KwsEdgeError, ValidationErrors
from kws_edge.events import Event
from kws_edge.extras import import_extra
from kws_edge.metrics import MICROPHONE_STATES, Metrics
from kws_edge.sinks.base import SinkContext, SinkKind, SinkPlan


@dataclass(frozen=True)
class MetricsConfig:
    """Where Prometheus fetches the figures."""

    host: str = setting(
        "127.0.0.1", doc="Address to serve on. Beyond loopback anybody on the network may read it."
    )
    port: int = setting(9754, doc="Port; 0 takes any free one.", minimum=0, maximum=65_535)

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.host.strip():
            raise ValidationErrors(["host: is empty"])


class PrometheusSink:
    """Serves `Metrics`. The engine counts events there as an observer, so `handle` has nothing
    to do.

    ``port`` is the port in use once the sink is open.
    """

    name = "metrics"

    def __init__(self, config: MetricsConfig, metrics: Metrics) -> None:
        """Raises `ConfigError` where prometheus-client is not installed."""
        self._library = import_extra("prometheus_client", "metrics")
        self._config = config
        self._registry = self._library.CollectorRegistry()
        self._registry.register(MetricsCollector(metrics))
        self._library.ProcessCollector(registry=self._registry)  # CPU, memory, open files
        self._server: Any = None
        self.port = config.port

    def open(self) -> None:
        """Raises `KwsEdgeError` where the address is not free."""
        from kws_edge.sinks.metrics_server import MetricsServer  # asyncio takes long to import

        host, port = self._config.host, self._config.port
        handler = self._library.MetricsHandler.factory(self._registry)
        try:
            self._server = MetricsServer(handler, host, port)
        except OSError as error:
            raise KwsEdgeError(f"cannot serve {host}:{port}: {os_reason(error)}") from error
        self.port = self._server.port

    def handle(self, event: Event) -> None: ...

    def close(self) -> None:
        if self._server:
            self._server.close()


class MetricsCollector:
    """`Metrics` as Prometheus's families, made at each fetch."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Any]:
        yield from self._keywords()
        yield from self._audio()
        yield from self._verifier()
        yield from self._service()
        yield from self._sinks()

    def _keywords(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, InfoMetricFamily

        metrics, models = self._metrics, self._models()
        named = ["model"] * bool(metrics.each_model)
        yield InfoMetricFamily(
            "kws_edge_build",
            "Version of the program and the model it runs.",
            {
                "version": __version__,
                "model": metrics.model_name,
                "python_version": platform.python_version(),
            },
        )
        spotted = CounterMetricFamily(
            "kws_edge_detections", "Keywords spotted.", labels=["keyword", *named]
        )
        missed = CounterMetricFamily(
            "kws_edge_near_misses",
            "Scores that came near a threshold without reaching it.",
            labels=["keyword", *named],
        )
        for labels, one in models:
            for keyword, count in one.detections.items():
                spotted.add_metric([keyword, *labels], count)
            for keyword, count in one.near_misses.items():
                missed.add_metric([keyword, *labels], count)
        if named:  # sequences have words of several models
            for keyword in metrics.detections.keys() - metrics.near_misses.keys():
                spotted.add_metric([keyword, ""], metrics.detections[keyword])
        yield spotted
        yield missed

    def _audio(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        metrics = self._metrics
        for name, what, value in (
            ("audio_seconds", "Audio of the stream, lost audio included.", metrics.audio_seconds()),
            (
                "audio_rested_seconds",
                "Silence or mute, in which the network did not run.",
                metrics.rested_seconds(),
            ),
            (
                "audio_dropped_samples",
                "Samples that never reached the spotter.",
                metrics.samples_dropped,
            ),
        ):
            yield CounterMetricFamily(f"kws_edge_{name}", what, value)
        inference = HistogramMetricFamily(
            "kws_edge_inference_seconds",
            "Duration of one run of the network.",
            labels=["model"] * bool(metrics.each_model),
        )
        for labels, one in self._models():
            bounds = [*map(str, one.inference.bounds), "+Inf"]
            buckets = list(zip(bounds, one.inference.cumulative, strict=True))
            inference.add_metric(labels, buckets, one.inference.sum)
        yield inference

    def _models(self) -> list[tuple[list[str], Metrics]]:
        """The value of the label ``model``, and the figures; no label where there is one model."""
        each = self._metrics.each_model
        return [([name], one) for name, one in each.items()] or [([], self._metrics)]

    def _verifier(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily

        if (verdicts := self._metrics.verdicts) is None:
            return
        vetoes = CounterMetricFamily(
            "kws_edge_verifier_vetoes",
            "Looks of the second stage that did not confirm a detection.",
            labels=["keyword"],
        )
        for keyword in self._metrics.near_misses:
            vetoes.add_metric([keyword], verdicts.vetoed[keyword])
        yield vetoes
        yield SummaryMetricFamily(
            "kws_edge_verifier_seconds",
            "Time of the second stage.",
            count_value=verdicts.confirmed.total() + verdicts.vetoed.total(),
            sum_value=verdicts.seconds,
        )

    def _service(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        metrics = self._metrics
        yield CounterMetricFamily(
            "kws_edge_microphone_restarts",
            "Reconnections of the microphone.",
            metrics.microphone_restarts,
        )
        yield CounterMetricFamily(
            "kws_edge_config_reloads", "Reloads of the configuration.", metrics.reloads
        )
        state = GaugeMetricFamily(
            "kws_edge_microphone_state",
            "1 for the present state of the microphone.",
            labels=["state"],
        )
        for name in MICROPHONE_STATES:
            state.add_metric([name], name == metrics.microphone_state)
        yield state

    def _sinks(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        waiting = GaugeMetricFamily(
            "kws_edge_sink_queue_length", "Events that wait for delivery.", labels=["sink"]
        )
        events = CounterMetricFamily(
            "kws_edge_sink_events",
            "Events that a sink handled, dropped because its queue was full, or failed to deliver.",
            labels=["sink", "outcome"],
        )
        for name, queue in self._metrics.sinks():
            waiting.add_metric([name], queue.waiting)
            events.add_metric([name, "handled"], queue.handled)
            events.add_metric([name, "dropped"], queue.dropped)
            events.add_metric([name, "failed"], queue.failed)
        yield waiting
        yield events


def _plan(name: str, settings: MetricsConfig, context: SinkContext) -> SinkPlan | None:
    if context.metrics is None:
        return None
    sink = PrometheusSink(settings, context.metrics)
    return SinkPlan(sink, 100, (name, settings, context.metrics))


def _check(name: str, settings: MetricsConfig, context: SinkContext) -> list[str]:
    try:
        import_extra("prometheus_client", "metrics")
    except KwsEdgeError as error:
        return [str(error)]
    return []


SINK = SinkKind("Figures for Prometheus at http://HOST:PORT/metrics.", MetricsConfig, _plan, _check)
