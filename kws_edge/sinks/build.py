"""The sinks that a configuration asks for: made, exchanged, closed."""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.config.config import Config
from kws_edge.config.schema import did_you_mean
from kws_edge.detection.detector import is_keyword
from kws_edge.errors import ConfigError
from kws_edge.events import Event
from kws_edge.metrics import Metrics
from kws_edge.sinks.command import CommandSink
from kws_edge.sinks.stdout import StdoutSink
from kws_edge.sinks.worker import Sink, SinkWorker

CLOSE_SECONDS = 0.8
STDOUT_QUEUE = 1000


@dataclass(frozen=True)
class Stdout:
    """Events on a file descriptor; see `StdoutSink`."""

    descriptor: int = 1
    human: bool = False
    on_closed: Callable[[], None] | None = None


@dataclass(frozen=True)
class SinkContext:
    """What sinks need of the daemon. ``ring`` is only read where triggers are saved, and
    ``metrics`` only where they are served; ``stdout``: None for none."""

    labels: Sequence[str]
    model_name: str
    sample_rate: int
    ring: SampleBuffer | None = None
    metrics: Metrics | None = None
    stdout: Stdout | None = None


@dataclass(frozen=True)
class SinkPlan:
    """A sink that has not begun. Plans with equal ``settings`` make equal sinks."""

    sink: Sink
    capacity: int
    settings: Hashable


def plan_sinks(config: Config, around: SinkContext) -> list[SinkPlan]:
    """All sinks of a configuration, checked and not begun.

    Raises `ConfigError` where an extra is not installed, a keyword is none of the model's,
    or a file or folder is not fit for its use.
    """
    plans = []
    if around.stdout:
        out = around.stdout
        sink = StdoutSink(out.descriptor, out.human, out.on_closed)
        plans.append(SinkPlan(sink, STDOUT_QUEUE, out))
    for index, command in enumerate(config.commands):
        name = f"commands[{index}]"
        _check_keywords(f"{name}.keywords", command.keywords, around.labels)
        plans.append(SinkPlan(CommandSink(name, command), command.queue, (name, command)))
    words = (tuple(around.labels), around.model_name)
    # Imported when asked for: a daemon without them starts sooner and stays smaller.
    if config.mqtt:
        from kws_edge.sinks.mqtt import MqttSink

        mqtt = MqttSink(config.mqtt, around.labels, around.model_name)
        plans.append(SinkPlan(mqtt, config.mqtt.queue, (config.mqtt, words)))
    if config.metrics and around.metrics:
        from kws_edge.sinks.prometheus import PrometheusSink

        served = PrometheusSink(config.metrics, around.metrics)
        plans.append(SinkPlan(served, 100, (config.metrics, around.metrics)))
    if config.triggers and around.ring:
        from kws_edge.sinks.wav_clips import WavClipSink

        triggers = WavClipSink(config.triggers, around.ring, around.sample_rate)
        key = (config.triggers, around.ring)
        plans.append(SinkPlan(triggers, config.triggers.queue, key))
    return plans


def build_sinks(config: Config, around: SinkContext) -> list[SinkWorker]:
    """The sinks of a configuration, at work. Raises as `plan_sinks`."""
    return [SinkWorker(plan.sink, plan.capacity) for plan in plan_sinks(config, around)]


def close_sinks(workers: Sequence[SinkWorker], timeout: float = CLOSE_SECONDS) -> bool:
    """Close all at once, within ``timeout`` seconds; whether every one ended in time."""
    ended: list[bool] = []
    threads = [
        threading.Thread(target=lambda w=worker: ended.append(w.close(timeout)), daemon=True)
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(ended) == len(workers) and all(ended)


class Sinks:
    """The sinks of the daemon over its life. For one thread, but for `by_name`."""

    def __init__(self, config: Config, around: SinkContext) -> None:
        """Raises as `plan_sinks`; then nothing has begun."""
        self._workers: dict[Hashable, SinkWorker] = {}  # by the settings they were made from
        self.exchange(config, around)

    def put(self, event: Event) -> None:
        """Give an event to every sink; never waits."""
        for worker in self._workers.values():
            worker.put(event)

    def by_name(self) -> list[tuple[str, SinkWorker]]:
        """For `Metrics.sinks`."""
        return [(worker.sink.name, worker) for worker in self._workers.values()]

    def exchange(self, config: Config, around: SinkContext) -> None:
        """Go over to another configuration; what has not changed goes on undisturbed.

        Raises as `plan_sinks`, and then everything stays as it was. Waits up to
        `CLOSE_SECONDS` for sinks that go, before others begin: the old one's last word must
        not come after the new one's first, and a port must be free.
        """
        plans = {plan.settings: plan for plan in plan_sinks(config, around)}
        close_sinks([worker for key, worker in self._workers.items() if key not in plans])
        self._workers = {
            key: self._workers.get(key) or SinkWorker(plan.sink, plan.capacity)
            for key, plan in plans.items()
        }

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Deliver what waits and end, within ``timeout`` seconds; whether all did."""
        workers = list(self._workers.values())
        self._workers = {}
        return close_sinks(workers, timeout)


def _check_keywords(where: str, keywords: Sequence[str], labels: Sequence[str]) -> None:
    known = [label for label in labels if is_keyword(label)]
    unknown = [word for word in keywords if word not in known]
    if unknown:
        raise ConfigError(
            "; ".join(
                f"{where}: the model does not know {word!r}{did_you_mean(word, known)}"
                for word in unknown
            )
        )
