"""Networks of a sweep converted, tested, timed and reported: a real one, by the commands."""

import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sweep_world import ROOT, run, sweep_command, write_tones

pytest.importorskip("tensorflow", reason="needs the extra 'training'")

from training.study.latency_all import in_turn, timing


def training(*arguments: object, fails: bool = False) -> "subprocess.CompletedProcess[str]":
    result = subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=ROOT,
    )
    assert fails or result.returncode == 0, result.stderr[-2000:]
    return result


def test_models_take_turns() -> None:
    called: list[str] = []

    def decision(name: str) -> tuple[float, float]:
        called.append(name)
        return 1.0, 2.0

    decisions = {name: functools.partial(decision, name) for name in "abc"}
    times = in_turn(decisions, rounds=4, calls=2)
    assert {name: len(found) for name, found in times.items()} == dict.fromkeys("abc", 8)
    for start in range(0, len(called), 9):  # each turn is one call to warm up and two
        round_ = called[start : start + 9]
        assert sorted(round_) == sorted("aaabbbccc")
        assert len({round_[0], round_[3], round_[6]}) == 3


def test_a_timing_is_of_the_sums_not_the_sum_of_medians() -> None:
    found = timing("", [(1.0, 9.0), (2.0, 1.0), (9.0, 2.0)])
    medians = found.features.median_ms, found.model.median_ms, found.sum.median_ms
    assert medians == (2.0, 2.0, 10.0)


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    for command in ("convert-all", "test-all", "latency"):
        result = training(command, "--results", tmp_path, fails=True)
        assert result.returncode == 65
        assert "no finished trial" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and one trial that a sweep trained."""
    folder = tmp_path_factory.mktemp("world")
    data = write_tones(folder / "data")
    result = run(sweep_command(folder, data, "--limit", 1))
    assert result.returncode == 0, result.stderr
    return folder


def at(world: Path, *names: str) -> list[object]:
    options = {
        "results": "results",
        "networks": "models",
        "models": "tflite",
        "data": "data",
        "test-part": "data",
    }
    return [x for name in names for x in (f"--{name}", world / options[name])]


@pytest.mark.slow
def test_from_a_sweep_to_a_report(world: Path) -> None:
    first = training("convert-all", *at(world, "results", "networks", "models", "data"))
    assert "1 finished trials, 1 with a network here, 1 to convert" in first.stdout
    known = sorted((world / "results" / "models").glob("*.json"))
    assert [path.stem.rsplit("-")[-1] for path in known] == ["dynamic", "float32", "int8"]
    float32 = json.loads(known[1].read_text())
    record = json.loads(next((world / "results" / "runs").glob("*.json")).read_text())
    trained = record["metrics"]["validation_accuracy"]
    assert float32["validation"]["accuracy"] == pytest.approx(trained, abs=1e-6)
    assert float32["agreements"][0]["passed"]
    assert not (world / "results" / "tests").exists()

    # once more, with one model lost: only that one is made again
    (world / "tflite" / f"{known[0].stem}.tflite").unlink()
    kept = known[1].stat().st_mtime_ns
    again = training("convert-all", *at(world, "results", "networks", "models", "data"))
    assert again.stdout.count("validation ") == 1
    assert known[1].stat().st_mtime_ns == kept

    tested = training("test-all", *at(world, "results", "models", "test-part", "data"))
    assert "3 models, 3 to test" in tested.stdout
    outcome = json.loads((world / "results" / "tests" / known[2].name).read_text())["test"]
    assert outcome["clips"] == 180
    assert sum(map(sum, outcome["confusion"])) == 180
    assert outcome["lower"] <= outcome["accuracy"] <= outcome["upper"]
    once = training("test-all", *at(world, "results", "models", "test-part", "data"))
    assert "3 models, 0 to test" in once.stdout

    training("latency", *at(world, "results", "models"), "--rounds", 2, "--calls", 3)
    timings = json.loads((world / "results" / "latency.json").read_text())
    assert set(timings["models"]) == {path.stem for path in known}
    assert timings["interpreter"]
    for found in timings["models"].values():
        assert found["features"]["median_ms"] < found["sum"]["median_ms"]

    training("report", *at(world, "results"), "--output", world / "study")
    text = (world / "study" / "README.md").read_text()
    assert "It is the only configuration so far." in text
    assert timings["machine"].split(",")[0] in text.replace("\\", "")


@pytest.mark.slow
def test_a_model_that_the_results_do_not_tell_of_is_refused(world: Path, tmp_path: Path) -> None:
    for name in ("results", "tflite"):
        shutil.copytree(world / name, tmp_path / name)
    models = sorted((tmp_path / "tflite").glob("*.tflite"))
    shutil.copyfile(models[0], models[1])
    result = training("test-all", *at(tmp_path, "results", "models", "test-part"), fails=True)
    assert result.returncode == 65
    assert "is not the model that" in result.stderr
