"""Sinks behind their queues: order, drops, faults, and one that hangs beside one that works."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sink_parts import Collecting, detections, wait_for

from kws_edge.config.config import Config
from kws_edge.errors import KwsEdgeError
from kws_edge.events import Event
from kws_edge.sinks.base import SinkContext, SinkWorker
from kws_edge.sinks.build import Sinks, close_sinks
from kws_edge.sinks.command import CommandConfig, CommandSink


class Hanging(Collecting):
    """Blocks in its first event until `release` is set."""

    def __init__(self) -> None:
        super().__init__("hanging")
        self.release = threading.Event()
        self.aborted = False

    def handle(self, event: Event) -> None:
        self.release.wait()
        super().handle(event)

    def abort(self) -> None:
        self.aborted = True


class Failing(Collecting):
    """Fails at all but every fourth event."""

    def handle(self, event: Event) -> None:
        if event.id % 4:
            raise OSError("no space left")
        super().handle(event)


def test_a_sink_that_hangs_delays_no_other(caplog: pytest.LogCaptureFixture) -> None:
    hanging, working = Hanging(), Collecting()
    workers = [SinkWorker(hanging, capacity=5), SinkWorker(working, capacity=1000)]
    events = detections(300)
    slowest = 0.0
    for event in events:
        began = time.thread_time()
        for worker in workers:
            worker.put(event)
        slowest = max(slowest, time.thread_time() - began)
    wait_for(lambda: len(working.events) == 300, "the sink that works")
    assert working.events == events
    assert slowest < 0.5  # CPU time: putting never computes, and never waits
    assert workers[0].dropped + workers[0].waiting + 1 == 300
    assert workers[0].dropped >= 294
    assert "sink hanging is behind" in caplog.text

    began = time.monotonic()
    assert close_sinks(workers, 0.3) is False
    assert time.monotonic() - began < 10
    assert hanging.aborted
    assert not hanging.closed
    assert working.closed
    hanging.release.set()


def test_closing_delivers_what_waits_in_order() -> None:
    sink = Collecting()
    worker = SinkWorker(sink)
    events = detections(90)
    for event in events:
        worker.put(event)
    assert worker.close(timeout=30)
    assert sink.events == events
    assert sink.closed
    assert (worker.handled, worker.dropped, worker.failed, worker.waiting) == (90, 0, 0, 0)


def test_faults_are_counted_and_one_that_stays_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    sink = Failing("failing")
    worker = SinkWorker(sink)
    for event in detections(8):
        worker.put(event)
    assert worker.close(timeout=30)
    assert [event.id for event in sink.events] == [4, 8]
    assert worker.failed == 6
    assert caplog.text.count("sink failing: OSError: no space left") == 2  # again after a success


def test_what_a_sink_itself_loses_is_in_the_figures() -> None:
    sink = Collecting()
    sink.dropped, sink.waiting, sink.failed = 3, 2, 1  # type: ignore[attr-defined]
    worker = SinkWorker(sink)
    assert (worker.dropped, worker.waiting, worker.failed) == (3, 2, 1)
    worker.close(timeout=30)


def test_each_event_counts_once(tmp_path: Path) -> None:
    """Of a sink that delivers at once, one that does so later, and one that fails."""
    slow = CommandConfig(("/bin/sh", "-c", "sleep 0.01; exit $((KWS_EDGE_EVENT_ID % 2))"), queue=5)
    workers = [
        SinkWorker(Collecting(), 5),
        SinkWorker(Failing("failing"), 5),
        SinkWorker(CommandSink("commands[0]", slow), 5),
    ]
    for event in detections(40):
        for worker in workers:
            worker.put(event)
        time.sleep(0.002)
    for worker in workers:
        settled: Callable[[], bool] = lambda w=worker: w.handled + w.dropped + w.failed == 40  # type: ignore[misc]  # noqa: E731
        wait_for(settled, worker.sink.name)
        assert worker.waiting == 0
        assert worker.close(30)
        assert worker.handled + worker.dropped + worker.failed == 40
    assert workers[2].failed
    assert workers[2].handled


@pytest.fixture
def no_more_threads() -> Iterator[Callable[[], None]]:
    """A call after which the system refuses to start a thread: there is no room for its stack."""
    before = threading.stack_size()
    yield lambda: (threading.stack_size(2**46), None)[1]
    threading.stack_size(before)


def test_without_a_thread_for_a_new_sink_all_stays_as_it_was(
    tmp_path: Path, no_more_threads: Callable[[], None]
) -> None:
    run = ("/bin/sh", "-c", 'cat >> "$0"', str(tmp_path / "out"))
    old = Config(sinks={"commands": (CommandConfig(run),)})
    new = Config(sinks={"commands": (CommandConfig((*run, "new")),)})
    context = SinkContext(labels=("yes", "_silence_"), model_name="m", sample_rate=16000)
    sinks = Sinks(old, context)
    before = sinks.by_name()
    no_more_threads()
    with pytest.raises(KwsEdgeError, match=r"^sink commands\[0\]: can't start new thread"):
        sinks.exchange(new, context)
    assert sinks.by_name() == before
    (event,) = detections(1)
    sinks.put(event)  # and what runs runs on, in the worker's own thread
    wait_for(lambda: before[0][1].handled == 1, "the program")
    assert json.loads((tmp_path / "out").read_text())["id"] == event.id
    assert sinks.close(30)
