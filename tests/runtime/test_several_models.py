"""Several models over one stream: each spots what it spots alone, and every destination knows."""

import dataclasses
import itertools
import json
import signal
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from conftest import Command
from sink_parts import detections
from test_daemon import Loops, Witness, send
from test_events import VALIDATOR
from test_prometheus import fetch, served

import kws_edge
from kws_edge.audio.buffer import SampleBuffer
from kws_edge.audio.files import read_audio
from kws_edge.config.config import Config, parse_config
from kws_edge.config.settings import load_config
from kws_edge.daemon.control import make_spotter
from kws_edge.daemon.daemon import Daemon
from kws_edge.detection.detector import Detection
from kws_edge.errors import ConfigError
from kws_edge.events import EventFactory
from kws_edge.features.front_end import FrontEnd, RollingFeatures
from kws_edge.metrics import Metrics
from kws_edge.model.file import demo_recording
from kws_edge.sinks.base import SinkContext
from kws_edge.spotter import Decision, KeywordSpotter
from kws_edge.spotter_group import SpotterGroup
from kws_edge.types import FloatArray

SHARING = ("small-int8", "large-int8")  # one front end
OTHERS = ("small-int8", "mfcc-int8")


@pytest.fixture(scope="module")
def demo() -> FloatArray:
    return read_audio(demo_recording(), 16000)


Gate = float | Literal["off"]


def member(name: str, gate: Gate = "off") -> KeywordSpotter:
    spotter = KeywordSpotter.load(name)
    spotter.prepare(dataclasses.replace(spotter.config, gate_dbfs=gate))()
    return spotter


def blocks(samples: FloatArray, size: int) -> list[FloatArray]:
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def spotted(spotter: KeywordSpotter | SpotterGroup, parts: list[FloatArray]) -> list[Detection]:
    return [found for part in parts for found in spotter.push(part)]


@pytest.mark.parametrize("names", [SHARING, OTHERS])
@pytest.mark.parametrize("gates", [("off", "off"), (-45.0, "off"), ("off", -45.0), (-40.0, -50.0)])
def test_each_spots_what_it_spots_alone(
    names: tuple[str, str], gates: tuple[Gate, Gate], demo: FloatArray
) -> None:
    alone = [
        dataclasses.replace(found, model=name)
        for name, gate in zip(names, gates, strict=True)
        for found in spotted(member(name, gate), [demo])
    ]
    group = SpotterGroup([member(*each) for each in zip(names, gates, strict=True)])
    together = spotted(group, blocks(demo, 1600))
    assert {found.model for found in together} == set(names)
    key = lambda found: (found.model, found.sample)  # noqa: E731
    assert [(f.model, f.label, f.sample) for f in sorted(together, key=key)] == [
        (f.model, f.label, f.sample) for f in sorted(alone, key=key)
    ]
    found, expected = ([f.score for f in sorted(each, key=key)] for each in (together, alone))
    # a gate lets features begin at another sample: their last bits differ, and so may an int8 step
    np.testing.assert_allclose(found, expected, atol=1e-6 if gates == ("off", "off") else 0.02)
    assert [f.sample for f in together] == sorted(f.sample for f in together)


@pytest.mark.parametrize("size", [777, 5000, 10**6])
def test_blocks_of_any_size_and_lost_audio(size: int, demo: FloatArray) -> None:
    def run(size: int) -> list[Detection]:
        group = SpotterGroup([member(name) for name in SHARING])
        first = spotted(group, blocks(demo[:100000], size))
        group.skip(4321)
        return [*first, *spotted(group, blocks(demo[100000:], size))]

    assert run(size) == run(1600)


def test_features_are_computed_once_where_settings_agree() -> None:
    same, other = (
        [one.rolling_features for one in SpotterGroup([member(n) for n in names]).members]
        for names in (SHARING, OTHERS)
    )
    assert same[0] is same[1]
    assert other[0] is not other[1]


@pytest.mark.parametrize("late", [3, 30])  # decisions, within those that are kept and beyond
def test_a_reader_who_comes_late_gets_the_windows_of_its_samples(
    late: int, demo: FloatArray
) -> None:
    config = kws_edge.load_model("small-int8").manifest.features
    shared, front_end = RollingFeatures(config), FrontEnd(config)
    shared.readers = 2
    audio = SampleBuffer(len(demo))
    audio.push(demo)
    size, hop = config.framed_samples, 4 * config.frame_step
    ends = [size + n * hop for n in range(40)]
    runs = []
    for number, end in enumerate(ends):
        asked = [end, ends[number - late]] if number >= late else [end]
        for place in asked:
            window = shared.window(place, audio)
            expected = front_end(demo[place - size : place])
            np.testing.assert_allclose(window.features, expected, atol=1e-4)
        runs.append(window.run)
    assert len(set(runs[late:])) == (1 if late == 3 else len(runs[late:]))


def test_decisions_have_the_scores_of_all_labels(demo: FloatArray) -> None:
    group = SpotterGroup([member(name) for name in OTHERS])
    seen: list[Decision] = []
    group.on_decision = seen.append
    own: list[Decision] = []
    alone = member(OTHERS[0])
    alone.on_decision = own.append
    group.push(demo[:80000])
    alone.push(demo[:80000])
    assert {decision.model for decision in seen} == set(OTHERS)
    assert {decision.posteriors.shape for decision in seen} == {(len(group.labels),)}
    first = [decision for decision in seen if decision.model == OTHERS[0]]
    assert [decision.sample for decision in first] == [decision.sample for decision in own]
    columns = [group.labels.index(label) for label in alone.labels]
    for mine, decision in zip(own, first, strict=True):
        assert (decision.posteriors[columns] >= mine.posteriors - 1e-6).all()
        if mine.scores is not None:
            assert decision.scores is not None
            assert (decision.scores[columns] >= mine.scores - 1e-6).all()


def test_near_misses_and_second_stages_belong_to_a_model(demo: FloatArray) -> None:
    models = [{"model": "small-int8", "verifier": {"model": "default"}}, {"model": "mfcc-int8"}]
    spotter = make_spotter(parse_config({"models": models, "page": {"near_miss": 0.2}}))
    assert [one.verification is not None for one in spotter.members] == [True, False]
    assert spotter.verification
    spotter.push(demo)
    missed = spotter.take_near_misses()
    assert {one.model for one in missed} == set(OTHERS)
    assert spotter.verdicts.confirmed.total() > 0


def test_listen_in_python(demo: FloatArray) -> None:
    found = list(kws_edge.listen(demo_recording(), model=list(SHARING)))
    assert {one.model for one in found} == set(SHARING)
    assert {one.model for one in kws_edge.listen(demo_recording(), model="small-int8")} == {""}
    with pytest.raises(ConfigError, match=r"models\[1\].model: default stands there twice"):
        kws_edge.listen(demo_recording(), model=["default", "default"])


def test_two_flags(run_command: Command) -> None:
    arguments = ["listen", "--input", demo_recording(), "--json"]
    lines = {
        names: run_command(*arguments, *itertools.chain(*(("--model", n) for n in names))).stdout
        for names in (("small-int8",), ("large-int8",), SHARING)
    }
    events = {names: [json.loads(line) for line in t.splitlines()] for names, t in lines.items()}
    for event in events[SHARING]:
        VALIDATOR.validate(event)
    for name in SHARING:
        alone = [(event["label"], event["sample"]) for event in events[(name,)]]
        assert "model" not in events[(name,)][0]
        assert alone == [(e["label"], e["sample"]) for e in events[SHARING] if e["model"] == name]
    assert [event["id"] for event in events[SHARING]] == list(range(1, len(events[SHARING]) + 1))
    assert (
        "(large-int8)"
        in run_command(*arguments[:-1], "-m", "small-int8", "-m", "large-int8").stdout
    )


def test_a_flag_wins_over_a_variable_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("models: [{model: a}, {model: b}]\n")
    variables, two = {"KWS_EDGE_MODEL": "c"}, "[{model: d}, {model: e}]"

    def names(flags: dict[str, str], environment: dict[str, str]) -> tuple[str, ...]:
        return load_config(path, flags, environment).config.model_names

    assert names({}, {}) == ("a", "b")
    assert names({"model": "x"}, {}) == ("x",)
    assert names({}, variables) == ("c",)
    assert names({"models": two}, variables) == ("d", "e")
    path.write_text("model: a\n")
    assert names({}, {"KWS_EDGE_MODELS": two}) == ("d", "e")
    path.write_text("model: a\nmodels: []\n")
    assert names({}, {}) == ("a",)
    path.write_text(f"model: a\nmodels: {two}\n")
    with pytest.raises(ConfigError, match=f"{path}: model and models exclude each other"):
        names({}, {})


def test_each_has_its_own_detector_on_top_of_the_common_one() -> None:
    config = parse_config(
        {
            "detector": {"threshold": 0.5, "thresholds": {"yes": 0.6, "no": 0.7}},
            "models": [
                {"model": "small-int8", "detector": {"threshold": 0.9}},
                {"model": "large-int8", "detector": {"thresholds": {"no": 0.8}}},
            ],
        }
    )
    spotter = make_spotter(config)
    small, large = (one.config for one in spotter.members)
    assert (small.threshold, small.thresholds) == (0.9, {})
    assert (large.threshold, large.thresholds) == (0.5, {"yes": 0.6, "no": 0.8})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [{model: none.tflite}, {model: small-int8}]", "models[0].model: none.tflite"),
        (
            "models: [{model: small-int8}, {model: small-int8}]",
            "models[1].model: small-int8 stands",
        ),
        (
            "models: [{model: small-int8}, {model: mfcc-int8, detector: {preset: quiet}}]",
            "models[1].detector.preset: the model has no 'quiet'",
        ),
        (
            "models: [{model: small-int8}, {model: mfcc-int8, detector: {thresholds: {hi: 0.5}}}]",
            "models[1].detector.thresholds.hi: ",
        ),
        (
            "models: [{model: small-int8}, {model: large-int8}]\ndetector: {thresholds: {hi: 0.5}}",
            "detector.thresholds.hi: no model has this keyword",
        ),
        ("models: [{modle: a}]", "models[0].modle: unknown, did you mean model?"),
        (
            "models: [{model: small-int8}, {model: mfcc-int8, verifier: {model: none}}]",
            "models[1].verifier.model: ",
        ),
    ],
)
def test_faults(text: str, message: str, tmp_path: Path, run_command: Command) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"{text}\n")
    for command in (["config", "check"], ["listen", "--input", demo_recording()]):
        result = run_command(*command, "--config", path)
        assert result.returncode in (65, 66, 78)
        assert "Traceback" not in result.stderr
    assert message in run_command("config", "check", "--config", path).stderr


def test_a_sequence_takes_words_of_both() -> None:
    labels = [one.label for one in kws_edge.listen(demo_recording(), model=list(OTHERS))]
    assert labels[0] != labels[1] or len(labels) > 2
    pairs = list(itertools.pairwise(labels))
    pair = next(p for p in pairs if p[0] != p[1] and pairs.count(p) == 1)
    sequence = kws_edge.SequenceConfig("pair", pair)
    found = kws_edge.listen(demo_recording(), model=list(OTHERS), sequences=[sequence])
    [joined] = [one for one in found if one.label == "pair"]
    assert joined.model == ""
    assert {part.model for part in joined.parts} <= set(OTHERS)


def test_metrics_have_the_model_only_where_several_listen() -> None:
    metrics = Metrics("a, b", ["yes", "no"], models={"a": ["yes"], "b": ["yes", "no"]})
    metrics.add_sequences(["yes_no"])
    factory = EventFactory(16000)
    yes = Detection("yes", 0.9, 16000, 1.0, model="b")
    metrics.event(factory.detection(yes))
    metrics.event(factory.detection(Detection("yes_no", 0.9, 16000, 1.0, parts=(yes, yes))))
    metrics.decision(Decision(1, np.zeros(2, np.float32), 0.001, model="a"))
    worker, sink = served(metrics)
    samples, types = fetch(sink.port)
    assert samples["kws_edge_detections_total,keyword=yes,model=b"] == 1
    assert samples["kws_edge_detections_total,keyword=yes,model=a"] == 0
    assert samples["kws_edge_detections_total,keyword=yes_no,model="] == 1
    assert samples["kws_edge_inference_seconds_count,model=a"] == 1
    assert samples["kws_edge_inference_seconds_count,model=b"] == 0
    assert types["kws_edge_inference_seconds"] == "histogram"
    assert metrics.detections == {"yes": 1, "no": 0, "yes_no": 1}
    assert worker.close(30)
    one = Metrics("a", ["yes"], models={"a": ["yes"]})
    one.event(detections(1)[0])
    worker, sink = served(one)
    assert not any("model=a" in name for name in fetch(sink.port)[0] if "build" not in name)
    assert worker.close(30)


def test_a_reload_changes_one_of_them_and_another_list_takes_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "config.yaml"
    text = "models: [{model: small-int8}, {model: mfcc-int8, detector: {threshold: %g}}]\n"

    def write_and_reload(text: str) -> None:
        path.write_text(text)
        send(signal.SIGHUP)()

    def read() -> Config:
        return load_config(path, environment={}).config

    caplog.set_level("INFO")
    path.write_text(text % 0.7)
    spotter = make_spotter(read())
    context = SinkContext(spotter.labels, spotter.name, 16000, metrics=Metrics("m", spotter.labels))
    witness = Witness()
    daemon = Daemon(read(), spotter, context, read, [witness])
    source = Loops(
        lambda: write_and_reload(text % 0.9999),
        lambda: write_and_reload("models: [{model: large-int8}, {model: mfcc-int8}]\n"),
        send(signal.SIGTERM),
    )
    daemon.run(source)
    length = len(source.samples)
    loops = [
        [
            event.data["model"]
            for event in witness.events
            if event.type == "detection" and loop * length < event.sample <= (loop + 1) * length
        ]
        for loop in range(3)
    ]
    assert set(loops[0]) == set(OTHERS)
    assert set(loops[1]) == set(loops[2]) == {"small-int8"}
    assert "changes of models take a restart" in caplog.text
