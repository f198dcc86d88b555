"""Figures of a stream: counted rightly, and of the very events that ``listen`` reports."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st
from word_clips import KEYWORDS, cut_demo, training

from kws_edge.config.config import DetectorOverrides
from kws_edge.config.schema import parse
from kws_edge.detection.detector import Detection
from kws_edge.detection.scoring import SpokenWord, score
from kws_edge.engine import spot
from kws_edge.model.classifier import Classifier
from kws_edge.sources.base import AudioFile, Paced
from kws_edge.spotter import KeywordSpotter
from training.evaluation.streams.compose import StreamFile, compose, find_streams, write_stream
from training.evaluation.streams.evaluate import (
    StreamDetections,
    evaluate_streams,
    figures,
    run_detector,
    score_stream,
)
from training.evaluation.streams.stream_config import StreamConfig
from training.stats import poisson_interval

ROOM: dict[str, Any] = {
    "name": "room",
    "seed": 1,
    "clips": [{"folder": "words"}, {"folder": "others"}],
    "margin_ms": 100,
    "gap_seconds": [0, 1],
    "back_to_back": 0.3,
    "speech_dbfs": [-30, -20],
    "noise": {"folder": "noise", "snr_db": [20, 30], "quiet": 0.3},
    "scene_seconds": 3,
    "floor_dbfs": -75,
}
# four words back to back: short enough to be played at the pace of real time
SHORT: dict[str, Any] = {
    "name": "short",
    "clips": [{"folder": "words", "labels": ["go", "no", "up", "yes"]}],
}


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the streams room and short."""
    folder = tmp_path_factory.mktemp("streams")
    cut_demo(folder / "data")
    for description in (ROOM, SHORT):
        stream = compose(parse(StreamConfig, description), folder / "data")
        write_stream(stream, description["name"], folder)
    return folder


def listened(run_command: Command, *arguments: object) -> list[tuple[object, ...]]:
    result = run_command("listen", "--json", "-m", "mfcc-int8", *arguments)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    return [(event["label"], event["sample"], event["score"]) for event in events]


def test_the_events_are_those_of_listen(
    streams: Path, model_path: Path, run_command: Command
) -> None:
    classifier = Classifier.load(model_path)
    for name in ("room", "short"):
        path = streams / f"{name}.wav"
        result = run_detector(StreamFile(path, None), classifier, classifier.manifest.detector)
        events: list[tuple[object, ...]] = [
            (d.label, d.sample, pytest.approx(d.score, abs=1e-3)) for d in result.detections
        ]
        assert len(events) >= 3
        assert listened(run_command, "--input", path) == events
    paced = Paced(AudioFile(streams / "short.wav", 16000), 16000)
    assert tuple(spot(paced, KeywordSpotter(classifier))) == result.detections


def test_a_verifier_takes_detections_away(streams: Path, tmp_path: Path) -> None:
    found = {}
    for name, *options in (("alone",), ("lenient", "0.3"), ("strict", "1")):
        more = ["--verifier", "small-int8", "--verifier-threshold", *options] if options else []
        arguments = ("mfcc-int8", streams / "room.wav", "--name", name, "--output", tmp_path)
        assert training("evaluate", "stream", *arguments, *more).returncode == 0
        report = json.loads((tmp_path / f"mfcc-int8-{name}.json").read_text())
        found[name] = report["hits"] + report["false_accepts"]
    assert found["alone"] >= found["lenient"] > found["strict"] == 0


def test_the_command(streams: Path, tmp_path: Path, run_command: Command) -> None:
    result = training("evaluate", "stream", "mfcc-int8", streams / "room.wav", "--output", tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "mfcc-int8-room.json").read_text())
    labels = streams / "room.labels.txt"
    listened = run_command(
        "listen", "-m", "mfcc-int8", "--input", streams / "room.wav", "--labels", labels
    )
    assert f"spotted {report['hits']} of 8" in listened.stdout
    assert f"and {report['false_accepts']} times where no such" in listened.stdout
    assert report["spoken"] == 8
    assert report["hits"] + len(report["missed"]) == 8
    assert len(report["false"]) == report["false_accepts"]
    assert report["recall_lower"] < report["recall"] < report["recall_upper"]
    assert -500 < report["latency_ms"]["median"] < 750
    assert set(report["words"]) == set(KEYWORDS)
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"mfcc-int8: recall {report['recall']:.1%} (")
    assert f"; {report['false_accepts']} false accepts in 0.0" in line


def test_a_stream_without_labels_is_said_to_be_one(
    streams: Path, tmp_path: Path, model_path: Path
) -> None:
    sound = tmp_path / "negatives" / "short.wav"
    sound.parent.mkdir()
    sound.write_bytes((streams / "short.wav").read_bytes())
    report = evaluate_streams(model_path, find_streams([sound.parent]), DetectorOverrides())
    assert report["without_labels"] == ["short"]
    assert report["recall"] is None
    assert report["latency_ms"] is None
    assert report["false_accepts"] >= 3
    result = training("evaluate", "stream", "mfcc-int8", sound.parent, "--output", tmp_path)
    assert "no label track beside 1 of 1" in result.stdout
    assert (tmp_path / "mfcc-int8-negatives.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mfcc-int8", "none.wav"], 66, "none.wav: No such file"),
        (["hello", "room.wav"], 66, "no model of that name ships"),
        (["mfcc-int8", "bare"], 65, "no sound files in this folder"),
        (["mfcc-int8", "room.labels.txt"], 65, "not an audio file"),
        (["mfcc-int8", "room.wav", "--preset", "loud"], 78, "the model has no 'loud' (default)"),
        (["mfcc-int8", "room.wav", "--detector", "odd.yaml"], 78, "thresholds.bird: no such"),
        (["mfcc-int8", "room.wav", "--detector", "bad.yaml"], 78, "bad.yaml: threshold: 2.0 is"),
        (["mfcc-int8"], 2, "Missing argument"),
    ],
)
def test_faults(arguments: list[str], code: int, message: str, streams: Path) -> None:
    (streams / "bare").mkdir(exist_ok=True)
    (streams / "odd.yaml").write_text("thresholds: {bird: 0.5}\n")
    (streams / "bad.yaml").write_text("threshold: 2\n")
    files = [str(streams / a) if (streams / a).exists() or "none" in a else a for a in arguments]
    result = training("evaluate", "stream", *files, "--output", streams / "out")
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def detected(
    detections: list[tuple[str, float]], words: list[SpokenWord] | None
) -> StreamDetections:
    found = (Detection(label, 0.9, round(16000 * time), time) for label, time in detections)
    stream = StreamFile(Path("a.wav"), None if words is None else tuple(words))
    return StreamDetections(stream, 1800.0, tuple(found))


def test_figures() -> None:
    words = [SpokenWord(1, 1.5, "yes"), SpokenWord(3, 3.5, "no"), SpokenWord(5, 5.5, "bed")]
    one = detected([("yes", 1.6), ("yes", 2.0), ("yes", 3.6), ("no", 5.7), ("no", 9)], words)
    two = detected([("no", 7.0)], None)
    result = figures([score_stream(h, ("yes", "no")) for h in (one, two)], ("yes", "no"))
    assert (result["spoken"], result["hits"], result["recall"]) == (2, 1, 0.5)
    assert (result["false_accepts"], result["hours"]) == (5, 1.0)
    assert result["false_accepts_per_hour"] == 5
    assert result["latency_ms"] == {"median": 100.0, "p95": 100.0}
    assert [error["during"] for error in result["false"]] == ["yes", "no", "bed", "", ""]
    assert result["words"]["no"]["hits"] == 0
    assert result["words"]["no"]["false_accepts"] == 3
    assert [s["false_accepts"] for s in result["streams"]] == [4, 1]
    assert result["missed"] == [{"stream": "a", "label": "no", "time_s": 3}]


EVENTS = st.lists(st.tuples(st.sampled_from(["yes", "no", "bed"]), st.floats(0, 20)), max_size=30)


@given(EVENTS, EVENTS)
def test_scoring_matches_each_word_once(
    spoken: list[tuple[str, float]], detected: list[tuple[str, float]]
) -> None:
    words = [SpokenWord(start, start + 0.5, label) for label, start in spoken]
    found = [Detection(label, 0.9, round(16000 * t), t) for label, t in detected if label != "bed"]
    result = score(found, words, ("yes", "no"))
    assert sorted([*(d for _, d in result.hits), *result.false_accepts], key=str) == sorted(
        found, key=str
    )
    keywords = [word for word in words if word.label != "bed"]
    assert sorted([*(w for w, _ in result.hits), *result.misses], key=str) == sorted(
        keywords, key=str
    )
    for word, detection in result.hits:
        assert word.label == detection.label
        assert word.start <= detection.time_s <= word.end + 0.75
    for detection in result.false_accepts:  # none of them fits a word that was missed
        assert not any(
            w.label == detection.label and w.start <= detection.time_s <= w.end + 0.75
            for w in result.misses
        )


@pytest.mark.parametrize(
    ("count", "interval"),
    # by the quantiles of chi-square, the interval's other form
    [
        (0, (0, 3.688879)),
        (1, (0.02531781, 5.571643)),
        (10, (4.795389, 18.390356)),
        (5000, (4862.3592, 5140.5485)),
    ],
)
def test_poisson_interval(count: int, interval: tuple[float, float]) -> None:
    assert poisson_interval(count) == pytest.approx(interval, rel=1e-6)
