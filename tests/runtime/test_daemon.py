"""The daemon over a source made of recordings: reloads, gaps and the end, by real signals."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws_edge.audio.files import read_audio
from kws_edge.config.config import Config
from kws_edge.config.settings import load_config
from kws_edge.daemon.control import make_spotter
from kws_edge.daemon.daemon import Daemon
from kws_edge.errors import KwsEdgeError
from kws_edge.events import Event
from kws_edge.metrics import Metrics
from kws_edge.model.file import demo_recording, find_model, pack_model, read_model
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
    # a model that fires often, every 100 ms, whatever the default is
    model: str | None = "mfcc-int8",
) -> tuple[Daemon, Metrics]:
    def read() -> Config:
        flags = {"model": model} if model else {}
        return load_config(path, flags, environment={}).config

    caplog.set_level("INFO")
    config = read()
    spotter = make_spotter(config)
    metrics = Metrics(spotter.name, spotter.labels)
    around = SinkContext(spotter.labels, spotter.name, 16000, metrics=metrics)
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


class Until:
    """The demo, then silence until a step's change is in force, then the demo again."""

    def __init__(self, step: Step, is_done: Callable[[], bool]) -> None:
        samples = read_audio(demo_recording(), 16000)
        self.samples = samples[: len(samples) // 1600 * 1600]
        self.silent = 0
        self._step, self._is_done = step, is_done

    def blocks(self) -> Iterator[Block]:
        yield from Samples(self.samples).blocks()
        self._step()
        deadline = time.monotonic() + 30
        while not self._is_done():
            assert time.monotonic() < deadline
            self.silent += 1600
            yield Block(np.zeros(1600, np.float32))
            time.sleep(0.01)
        yield from Samples(self.samples).blocks()


@pytest.fixture
def other_words(tmp_path: Path) -> Path:
    """A model that calls "left" "port" and "yes" "aye"."""
    file = read_model(find_model("log-mel-12-int8"))
    names = {"left": "port", "yes": "aye"}
    labels = tuple(names.get(label, label) for label in file.manifest.labels)
    path = tmp_path / "other.tflite"
    path.write_bytes(pack_model(replace(file.manifest, labels=labels), file.flatbuffer))
    return path


def test_a_reload_changes_the_model_and_the_stream_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, other_words: Path
) -> None:
    path, witness = tmp_path / "config.yaml", Witness()
    path.write_text("model: mfcc-int8\n")
    daemon, metrics = make_daemon(path, witness, caplog, model=None)

    def other_model() -> None:
        path.write_text(f"model: {other_words}\n")
        send(signal.SIGHUP)()

    source = Until(other_model, lambda: metrics.model_name == "log-mel-12-int8")
    daemon.run(source)
    length, begin = len(source.samples), len(source.samples) + source.silent
    places = [event.sample for event in witness.events if event.type == "detection"]
    before = sum(place <= length for place in places)
    after = sum(place > begin for place in places)
    assert before >= 8
    assert after >= 5
    assert before + after == len(places)
    assert min(metrics.detections["yes"], metrics.detections["aye"]) > 0, "old counts stay"
    assert sum(metrics.detections.values()) == len(places)
    assert witness.events[-1].data["seconds"] == pytest.approx((begin + length) / 16000, abs=0.01)
    assert metrics.audio_seconds() == pytest.approx((begin + length) / 16000, abs=0.6)
    assert "changes of" not in caplog.text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("broken", "not a TFLite model"),
        ("missing.tflite", "No such file"),
        ("other.tflite", "the model has no keyword 'left'"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_and_the_old_one_stays(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    other_words: Path,
    source: str,
    reason: str,
) -> None:
    path, witness = tmp_path / "config.yaml", Witness()
    path.write_text("model: mfcc-int8\ncommands: [{keywords: [left], run: ['true']}]\n")
    daemon, metrics = make_daemon(path, witness, caplog, model=None)
    (tmp_path / "broken").write_bytes(b"nothing" * 10)
    asked = []

    def ask() -> None:
        asked.append(daemon.models.use(str(tmp_path / source)))

    loops = Until(ask, lambda: asked[0].done())
    daemon.run(loops)
    with pytest.raises(KwsEdgeError, match=reason):
        asked[0].result(0)
    assert metrics.model_name == "mfcc-int8"
    assert witness.detections(0, len(loops.samples)) >= 8
    places = [event.sample for event in witness.events if event.type == "detection"]
    assert sum(place > len(loops.samples) + loops.silent for place in places) >= 8
    assert "stays as it was" in caplog.text


def test_back_to_the_configured_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model: mfcc-int8\n")
    daemon, metrics = make_daemon(path, Witness(), caplog, model=None)
    for source, name in (("small-int8", "small-int8"), (None, "mfcc-int8")):
        loops = Until(
            lambda source=source: daemon.models.use(source),  # type: ignore[misc]
            lambda name=name: metrics.model_name == name,  # type: ignore[misc]
        )
        for _ in daemon.engine.run(loops):
            pass
        assert daemon.models.in_force.name == name


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
