"""The sinks that a configuration asks for: made, exchanged, closed."""

import dataclasses
import time
from collections.abc import Hashable, Iterable, Sequence

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.config.config import Config
from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.events import Event
from kws_edge.sinks import sink_kinds
from kws_edge.sinks.base import SinkContext, SinkNeeds, SinkPlan, SinkWorker
from kws_edge.sinks.stdout import Stdout, StdoutSink

__all__ = [
    "SinkContext",
    "Sinks",
    "Stdout",
    "build_sinks",
    "close_sinks",
    "plan_sinks",
    "recent_audio",
    "sink_needs",
]

CLOSE_SECONDS = 0.8
STDOUT_QUEUE = 1000


def sink_needs(config: Config) -> SinkNeeds:
    """What the engine must provide from its start for all sinks of a configuration."""
    needs = [
        kind.needs(settings)
        for key, kind in sink_kinds()
        for _, settings in kind.each(key, config.sinks.get(key))
    ]
    return SinkNeeds(
        audio_seconds=max((need.audio_seconds for need in needs), default=0.0),
        near_miss=min((need.near_miss for need in needs if need.near_miss), default=0.0),
    )


def recent_audio(config: Config, sample_rate: int) -> SampleBuffer | None:
    """The buffer for `SinkContext.ring`; None where no sink reads recent audio."""
    seconds = sink_needs(config).audio_seconds
    return SampleBuffer(round(seconds * sample_rate)) if seconds else None


def plan_sinks(config: Config, context: SinkContext) -> list[SinkPlan]:
    """All sinks of a configuration, checked and not begun.

    Raises `ConfigError` with every fault: an extra that is not installed, a keyword that the
    model does not have, a file or folder that is not fit for its use.
    """
    plans, faults = [], []
    names = tuple(one.name for one in config.sequences)
    context = dataclasses.replace(context, settings=config.sinks, sequences=names, config=config)
    if context.stdout:
        out = context.stdout
        sink = StdoutSink(out.descriptor, out.human, out.on_closed)
        plans.append(SinkPlan(sink, STDOUT_QUEUE, out))
    for key, kind in sink_kinds():
        for name, settings in kind.each(key, config.sinks.get(key)):
            try:
                plan = kind.plan(name, settings, context)
            except KwsEdgeError as error:
                faults.append(str(error))
            else:
                plans += [plan] if plan else []
    if faults:
        raise ConfigError("; ".join(faults))
    return plans


def build_sinks(config: Config, context: SinkContext) -> list[SinkWorker]:
    """The sinks of a configuration, begun. Raises as `plan_sinks`, and as `SinkWorker`."""
    workers = _workers(plan_sinks(config, context))
    for worker in workers:
        worker.begin()
    return workers


def _workers(plans: Iterable[SinkPlan]) -> list[SinkWorker]:
    """Workers that have not begun; all of them, or `KwsEdgeError` and none."""
    workers: list[SinkWorker] = []
    try:
        for plan in plans:
            workers.append(SinkWorker(plan.sink, plan.capacity, begin=False))
    except KwsEdgeError:
        for worker in workers:
            worker.discard()
        raise
    return workers


def close_sinks(workers: Sequence[SinkWorker], timeout: float = CLOSE_SECONDS) -> bool:
    """Close all at once, within ``timeout`` seconds; whether every one ended in time."""
    deadline = time.monotonic() + timeout
    for worker in workers:
        worker.finish()
    ended = [worker.ended(deadline - time.monotonic()) for worker in workers]  # each is waited for
    return all(ended)


class Sinks:
    """The sinks of an engine over its life. Only `by_name` may be called from other threads."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        """Raises as `plan_sinks`; then nothing has begun."""
        self._workers: dict[Hashable, SinkWorker] = {}  # by `SinkPlan.identity`
        self.exchange(config, context)

    def put(self, event: Event) -> None:
        """Queue an event for every sink; never waits."""
        for worker in self._workers.values():
            worker.put(event)

    def by_name(self) -> list[tuple[str, SinkWorker]]:
        """For `Metrics.sinks`."""
        return [(worker.sink.name, worker) for worker in self._workers.values()]

    def exchange(self, config: Config, context: SinkContext) -> None:
        """Change to another configuration; sinks whose settings are equal go on undisturbed.

        Raises as `switch`, and then nothing changes. Waits up to `CLOSE_SECONDS` for
        sinks that end before new ones begin: the old sink's last message must not come after
        the new one's first, and a port must be free.
        """
        self.switch(plan_sinks(config, context))

    def switch(self, planned: Sequence[SinkPlan]) -> None:
        """The second half of `exchange`: for a caller that first checks more than sinks.

        Raises `KwsEdgeError` where a thread for a new sink cannot start; then nothing changes.
        """
        plans = {plan.identity: plan for plan in planned}
        new = {key: plan for key, plan in plans.items() if key not in self._workers}
        begun = dict(zip(new, _workers(new.values()), strict=True))
        close_sinks([worker for key, worker in self._workers.items() if key not in plans])
        self._workers = {key: self._workers.get(key) or begun[key] for key in plans}
        for worker in begun.values():
            worker.begin()

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Deliver what is queued and end, within ``timeout`` seconds; whether all sinks did."""
        workers = list(self._workers.values())
        self._workers = {}
        return close_sinks(workers, timeout)
