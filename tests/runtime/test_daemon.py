"""The daemon over a source made of recordings: reloads, gaps and the end, by real signals."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kws_edge.audio.files import read_audio
from kws_edge.cli.listen import make_spotter
from kws_edge.config.config import Config
from kws_edge.config.settings import load_config
from kws_edge.daemon.daemon import Daemon
from kws_edge.events import Event
from kws_edge.metrics import Metrics
from kws_edge.model.file import demo_recording
from kws_edge.sinks.build import SinkContext
from kws_edge.sources.base import Block, Samples
from kws_edge.spotter import Decision

Step = Callable[[], object]


class Loops:
    """The demo over and over; before each but the first a step is taken."""

    def __init__(self, *steps: Step, lost: int = 0) -> None:
        samples = read_audio(demo_recording(), 16000)
        self.samples = samples[: len(samples) // 1600 * 1600]
        self._steps, self._lost = steps, lost

    def blocks(self) -> Iterator[Block]:
        yield from Samples(self.samples).blocks()
        for step in self._steps:
            step()
            first, *rest = Samples(self.samples).blocks()
            yield Block(first.samples, self._lost, "a test" if self._lost else "")
            yield from rest


class Witness:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.decisions = 0

    def block(self, block: Block) -> None: ...

    def decision(self, decision: Decision) -> None:
        self.decisions += 1

    def event(self, event: Event) -> None:
        self.events.append(event)

    def detections(self, loop: int, length: int) -> int:
        places = [e.sample for e in self.events if e.type == "detection"]
        return sum(loop * length < place <= (loop + 1) * length for place in places)


def make_daemon(
    path: Path,
    witness: Witness,
    caplog: pytest.LogCaptureFixture,
    model: str = "mfcc-int8",  # fires often, every 100 ms, whatever the default is
) -> tuple[Daemon, Metrics]:
    def read() -> Config:
        return load_config(path, {"model": model}, environment={}).config

    caplog.set_level("INFO")
    config = read()
    spotter, manifest = make_spotter(config)
    metrics = Metrics(manifest.name, manifest.labels)
    around = SinkContext(manifest.labels, manifest.name, 16000, metrics=metrics)
    return Daemon(config, spotter, around, read, [witness]), metrics


def send(number: signal.Signals) -> Step:
    return lambda: os.kill(os.getpid(), number)


def test_reloads_keep_the_stream_and_a_bad_file_the_old_settings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("detector: {threshold: 0.7}\n")

    def reload_with(text: str) -> Step:
        def step() -> None:
            path.write_text(text)
            send(signal.SIGHUP)()

        return step

    source = Loops(
        reload_with("detector: {threshold: 7}\n"),
        reload_with("detector: {threshold: 0.9999}\nthreads: 2\n"),
        reload_with("detector: [\n"),
        send(signal.SIGTERM),
    )
    witness = Witness()
    daemon, metrics = make_daemon(path, witness, caplog)
    assert daemon.run(source) == "SIGTERM"

    length = len(source.samples)
    counts = [witness.detections(loop, length) for loop in range(4)]
    assert counts[0] >= 8
    assert counts[1] >= 8  # the bad file changed nothing
    assert counts[2:] == [0, 0]
    assert metrics.reloads == 1
    assert witness.decisions >= 4 * length // 1600 - 10  # no audio was lost over the reloads
    log = caplog.text
    assert log.count("the configuration stays as it was") == 2
    assert "threshold: 7.0 is not within 0 to 1" in log
    assert "changes of threads take a restart" in log
    last = witness.events[-1]
    assert (last.type, last.data["reason"]) == ("stopped", "SIGTERM")
    assert last.data["seconds"] == pytest.approx(4 * length / 16000, abs=0.5)


def test_what_a_reload_cannot_change_is_reported_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("")
    daemon, _ = make_daemon(path, Witness(), caplog)
    path.write_text(f"clips: {{folder: {tmp_path / 'clips'}}}\n")
    for _ in range(2):
        daemon.reload()
    assert caplog.text.count("changes of clips take a restart") == 2
    path.write_text("")
    daemon.reload()
    assert caplog.text.count("take a restart") == 2


def test_a_gap_is_reported_counted_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("")
    source, witness = Loops(lambda: None, lost=48000), Witness()
    daemon, metrics = make_daemon(path, witness, caplog)
    assert daemon.run(source) == ""
    dropped = [event for event in witness.events if event.type == "dropped"]
    assert [event.data for event in dropped] == [{"samples": 48000, "reason": "a test"}]
    assert dropped[0].sample == len(source.samples) + 48000
    assert daemon.engine.samples_lost == metrics.samples_dropped == 48000
    ids = [event.id for event in witness.events]
    assert ids == list(range(1, len(ids) + 1))
    shift = (len(source.samples) + 48000) // 1600
    places = [e.sample // 1600 for e in witness.events if e.type == "detection"]
    first = [p for p in places if p < shift]
    assert [p - shift for p in places if p >= shift] == first  # the same words, later
    assert witness.events[-1].data["reason"] == "the source ended"
