"""Tuning: the choices keep their targets, the files are used."""

import csv
import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
from conftest import Command
from test_evaluate_stream import ROOM
from word_clips import cut_demo, training

from kws_edge.config.config import DetectorOverrides
from kws_edge.config.schema import parse
from kws_edge.model.file import read_model
from training.evaluation.streams.compose import compose, find_streams, write_stream
from training.evaluation.streams.evaluate import evaluate_streams, load_operating_points
from training.evaluation.streams.stream_config import StreamConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streams of words and without, and the output of ``tune`` in ``tuned``."""
    folder = tmp_path_factory.mktemp("tuning")
    cut_demo(folder / "data")
    others = {**ROOM, "name": "others", "clips": [{"folder": "others"}], "least_seconds": 20.0}
    for description in (ROOM, others):
        stream = compose(parse(StreamConfig, description), folder / "data")
        write_stream(stream, str(description["name"]), folder)
    result = tune(folder, "--output", folder / "tuned", "--eager", 1000)
    assert result.returncode == 0, result.stderr
    (folder / "lines.txt").write_text(result.stdout)
    return folder


def tune(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return training(
        "tune",
        "mfcc-int8",
        "-p",
        folder / "room.wav",
        "-n",
        folder / "others.wav",
        "--smoothing-ms",
        200,
        "--smoothing-ms",
        300,
        "--refractory-ms",
        500,
        "--cache",
        folder / "cache",
        *arguments,
    )


def test_figures_are_those_of_the_runtime(folder: Path, model_path: Path) -> None:
    report = json.loads((folder / "tuned" / "tuning.json").read_text())
    points = load_operating_points(folder / "tuned" / "detector.yaml")
    assert set(report["points"]) == {"default", "quiet", "eager"}
    for name, point in report["points"].items():
        config = points.detector if name == "default" else points.presets[name]
        assert dataclasses.asdict(config) == point["detector"]
        overrides = DetectorOverrides(preset=None if name == "default" else name)
        for stream, keys in (
            ("room", ("hits", "spoken", "latency_ms")),
            ("others", ("false_accepts", "hours")),
        ):
            streams = find_streams([folder / f"{stream}.wav"])
            found = evaluate_streams(model_path, streams, overrides, points)
            assert {key: found[key] for key in keys} == {key: point[key] for key in keys}


def test_targets_are_kept_and_ordered(folder: Path) -> None:
    points = json.loads((folder / "tuned" / "tuning.json").read_text())["points"]
    for point in points.values():
        assert point["met"]
        assert point["false_accepts_per_hour"] <= point["target"]["false_accepts_per_hour"]
        assert not point["thresholds_by_word"]["kept"]  # eight words carry no evidence
    assert points["quiet"]["false_accepts"] <= points["default"]["false_accepts"] == 0
    assert points["quiet"]["hits"] <= points["default"]["hits"] <= points["eager"]["hits"]
    lines = (folder / "lines.txt").read_text()
    assert "too short to show it: that takes 2 h" in lines
    assert "0 false accepts in 0.01 h" in lines


def test_the_curve(folder: Path) -> None:
    with (folder / "tuned" / "det.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 1 * 2 * 64
    for row in rows:
        assert 0 <= float(row["false_reject_rate_lower"]) <= float(row["false_reject_rate"])
        per_hour = float(row["false_accepts_per_hour"])
        assert per_hour <= float(row["false_accepts_per_hour_upper"])
    picture = (folder / "tuned" / "det.svg").read_text()
    assert "<svg" in picture
    assert "false accepts per hour" in picture


def test_released_with_presets_and_listened_with(
    folder: Path, tmp_path: Path, model_path: Path, run_command: Command
) -> None:
    result = training(
        "release", model_path, "--tuning", folder / "tuned", "--name", "tuned", "--output", tmp_path
    )
    assert result.returncode == 0, result.stderr
    path = tmp_path / "tuned" / "tuned.tflite"
    points = load_operating_points(folder / "tuned" / "detector.yaml")
    manifest = read_model(path).manifest
    assert (manifest.detector, manifest.presets) == (points.detector, points.presets)
    card = (path.parent / "card.md").read_text()
    assert "## Operating points" in card
    assert "(det.svg)" in card
    assert (path.parent / "det.svg").exists()
    assert card.endswith("## Limits\n\nThe maker of this model states none.\n")
    eager = f"preset eager  threshold {points.presets['eager'].threshold:g}, smoothing"
    assert eager in run_command("info", path).stdout
    counts = {
        preset: len(
            run_command(
                "listen", "-m", path, "-i", folder / "room.wav", "--preset", preset
            ).stdout.splitlines()
        )
        for preset in ("quiet", "eager")
    }
    assert counts["quiet"] < counts["eager"]
    again = training("release", path, "--tuning", folder / "tuned", "--output", tmp_path)
    assert again.returncode == 65
    assert "is about mfcc-int8 (run" in again.stderr


def test_what_it_made_of_streams_goes_into_card_and_manifest(
    folder: Path, tmp_path: Path, model_path: Path
) -> None:
    def released(*arguments: object) -> subprocess.CompletedProcess[str]:
        return training("release", model_path, "--name", "tuned", "--output", tmp_path, *arguments)

    made = training(
        "evaluate",
        "stream",
        model_path,
        folder / "room.wav",
        "--describe",
        "a room",
        "--detector",
        folder / "tuned" / "detector.yaml",
        "--preset",
        "eager",
        "--output",
        tmp_path,
    )
    assert made.returncode == 0, made.stderr
    path = tmp_path / "mfcc-int8-room.json"
    report = json.loads(path.read_text())
    about = tmp_path / "model.yaml"
    about.write_text(
        "description: Three words of Ann.\nlimits: Ann alone.\ntraining: configs/lab-mfcc.yaml\n"
        "attribution: [{name: Ann's recordings, licence: CC0}]\n"
    )
    result = released("--tuning", folder / "tuned", "--stream", path, "--about", about)
    assert result.returncode == 0, result.stderr
    manifest = read_model(tmp_path / "tuned" / "tuned.tflite").manifest
    figures = {m.name: m for m in manifest.metrics}
    assert figures["recall, preset eager"].value == pytest.approx(report["recall"], abs=1e-5)
    assert figures["recall, preset eager"].count == report["spoken"] == 8
    assert figures["false accepts per hour, preset eager"].count == report["false_accepts"]
    assert manifest.attribution == "Trained on Ann's recordings, licensed CC0."
    card = (tmp_path / "tuned" / "card.md").read_text()
    assert "- Data: Trained on Ann's recordings, licensed CC0.\n" in card
    assert card.startswith("# tuned\n\nThree words of Ann.\n\nRecognizes 8 words: ")
    assert card.endswith("## Limits\n\nAnn alone.\n")
    assert f"| a room | eager | {report['hits']} of 8, {report['recall']:.1%} (" in card
    # the model's own settings are not those that the report was made with
    refused = released("--stream", path)
    assert refused.returncode == 65
    assert "mfcc-int8-room.json: " in refused.stderr


def test_the_network_is_asked_once_a_stream(folder: Path, tmp_path: Path) -> None:
    kept = {path: path.stat().st_mtime_ns for path in (folder / "cache").iterdir()}
    assert len(kept) == 2
    again = tune(folder, "--output", tmp_path, "--eager", 1000)
    assert again.stdout.splitlines()[:3] == (folder / "lines.txt").read_text().splitlines()[:3]
    assert {p: p.stat().st_mtime_ns for p in (folder / "cache").iterdir()} == kept


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--quiet", 1], 2, "expected --quiet <= --false-accepts-per-hour"),
        (["--eager", 0], 2, "x>0"),
        (["-p", "none.wav"], 66, "none.wav: No such file"),
        (["-p", "data/noise/hiss.wav"], 65, "hiss.wav: no label track beside it"),
        (["-n", "bare"], 65, "no sound files in this folder"),
    ],
)
def test_faults(arguments: list[str], code: int, message: str, folder: Path) -> None:
    (folder / "bare").mkdir(exist_ok=True)
    files = [folder / a if str(a).startswith(("bare", "data", "none")) else a for a in arguments]
    result = tune(folder, *files, "--output", folder / "out")
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_positives_without_a_keyword(folder: Path) -> None:
    result = training(
        "tune",
        "mfcc-int8",
        "-p",
        folder / "others.wav",
        "-n",
        folder / "others.wav",
        "--cache",
        folder / "cache",
    )
    assert result.returncode == 65
    assert "no keyword of the model is spoken in the positives (down, go" in result.stderr
