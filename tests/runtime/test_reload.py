"""Reloads at any time: equal settings change no detection, a refused file changes nothing."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sink_parts import wait_for
from test_daemon import Witness, make_daemon

from kws_edge.audio.files import read_audio
from kws_edge.daemon.daemon import Daemon
from kws_edge.detection.detector import DetectorConfig
from kws_edge.engine import Engine
from kws_edge.errors import ValidationErrors
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import demo_recording, find_model
from kws_edge.sources.base import Block, Samples
from kws_edge.spotter import KeywordSpotter

SETTINGS = "detector: {threshold: 0.7}\n"
BLOCKS = 1000  # of 20 ms, of the demo
PLACES = st.lists(st.integers(1, BLOCKS - 1), max_size=60)
REFUSED = (
    "detector: [\n",
    "detector: {threshold: 7}\n",
    "detector: {thresholds: {nonsense: 0.5}}\n",
    "detector: {smoothing_ms: 1e12}\n",
    "detector: {refractory_ms: 1e308}\n",
    "detector: {preset: none of these}\n",
    "detector: {threshold: 0.9}\ncommands: [{run: ['true'], keywords: [nonsense]}]\n",
    "detector: {threshold: 0.9}\nmqtt: {host: ~, ca_file: ~nobody-of-this-name/ca}\n",
    "detector: {threshold: 0.9}\nmqtt: {host: 127.0.0.1, password_file: /nonexistent}\n",
    "a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b, *b]\n",
)


class Reloading:
    """The demo, with a reload before each of the blocks ``places``, and ``last`` at its end."""

    def __init__(
        self, daemon: Daemon, places: list[int], last: Callable[[], object] = lambda: None
    ) -> None:
        self._daemon, self._places, self._last = daemon, places, last

    def blocks(self) -> Iterator[Block]:
        for number, block in enumerate(Samples(read_audio(demo_recording(), 16000)).blocks()):
            for _ in range(self._places.count(number)):
                self._daemon.reload()
            yield block
        self._last()


def detections(witness: Witness) -> list[tuple[str, int, float]]:
    return [
        (event.data["label"], event.sample, event.data["score"])
        for event in witness.events
        if event.type == "detection"
    ]


@functools.cache
def without_reloads() -> list[tuple[str, int, float]]:
    """As the public API spots them, without a daemon."""
    spotter = KeywordSpotter(
        Classifier.load(find_model("mfcc-int8")), DetectorConfig(threshold=0.7)
    )
    config = DetectorConfig(**{**vars(spotter.base_config), "threshold": 0.7, "thresholds": {}})
    witness = Witness()
    spotter.prepare(config)()
    for _ in Engine(spotter, observers=[witness]).run(Samples(read_audio(demo_recording(), 16000))):
        pass
    return detections(witness)


@given(places=PLACES)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_reloads_of_equal_settings_change_no_detection(
    places: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, witness = tmp_path / "config.yaml", Witness()
    path.write_text(SETTINGS)
    daemon, metrics = make_daemon(path, witness, caplog)
    daemon.run(Reloading(daemon, places))
    assert len(without_reloads()) >= 8
    assert detections(witness) == without_reloads()
    assert metrics.reloads == len(places)


@pytest.mark.parametrize("text", REFUSED)
def test_a_refused_reload_changes_nothing(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, witness = tmp_path / "config.yaml", Witness()
    path.write_text(SETTINGS + "commands: [{run: ['true']}]\n")
    daemon, metrics = make_daemon(path, witness, caplog)
    before, detector = daemon.sinks.by_name(), daemon.engine.spotter.config
    path.write_text(text)
    caplog.clear()
    worker = before[0][1]
    # the daemon leaves hooks a fixed time at its end, which a busy machine may need for one alone
    hooks_done = lambda: wait_for(lambda: worker.handled == len(witness.events), "hooks")  # noqa: E731
    # a signal from elsewhere would end the demo early, and with it the reloads
    assert daemon.run(Reloading(daemon, [100, 300, 301, 700], hooks_done)) == ""
    refusals = [r for r in caplog.records if "the configuration stays as it was: " in r.message]
    assert len(refusals) == 4
    assert all("\n" not in r.message and len(r.message) < 1100 for r in refusals)
    assert metrics.reloads == 0
    assert daemon.engine.spotter.config == detector
    assert detections(witness) == without_reloads()
    assert [name for name, _ in before] == ["commands[0]"]
    assert worker.handled == len(witness.events)  # the old sink got all that there was


def test_what_is_prepared_is_not_in_force() -> None:
    spotter = KeywordSpotter(Classifier.load(find_model("mfcc-int8")))
    before = spotter.config
    switch = spotter.prepare(DetectorConfig(threshold=0.9, hop_ms=40, gate_dbfs=-50))
    assert spotter.config == before
    switch()
    assert spotter.config.threshold == 0.9
    with pytest.raises(ValidationErrors, match=r"refractory_ms: 1e\+308 is not within"):
        spotter.prepare(DetectorConfig(refractory_ms=1e308))
    assert spotter.config.threshold == 0.9
