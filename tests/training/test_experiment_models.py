"""From trained networks to a page: convert, evaluate, time, report."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from experiment_world import (
    InstantExecutor,
    experiment_document,
    go,
    run_command,
    search_document,
    write_experiment,
)
from tones import needs, run, write_tones

pytest.importorskip("optuna", reason="needs the extra 'training'")

from training.cli import main
from training.experiments.results import Results
from training.experiments.runner import keep_config
from training.experiments.timing import columns, in_turn


def experiment(*arguments: object, fails: bool = False) -> "subprocess.CompletedProcess[str]":
    result = run([sys.executable, "-m", "training", "experiment", *map(str, arguments)])
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


def test_a_decision_is_timed_as_the_sum_not_as_the_sum_of_medians() -> None:
    found = columns([(1.0, 9.0), (2.0, 1.0), (9.0, 2.0)])
    names = ("features_median_ms", "model_median_ms", "decision_median_ms")
    assert [found[name] for name in names] == [2.0, 2.0, 10.0]


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    for command in ("convert", "report"):
        result = experiment(command, tmp_path, fails=True)
        assert result.returncode == 66
        assert "config.yaml" in result.stderr
        assert "Traceback" not in result.stderr


def make_study(folder: Path, document: dict[str, object]) -> Path:
    """A study whose trials were pretended."""
    study = folder / "study"
    study.mkdir()
    keep_config(write_experiment(folder, document), study)
    go(study, document, InstantExecutor())
    return study


def report(study: Path) -> str:
    result = CliRunner().invoke(main, ["experiment", "report", str(study)])
    assert result.exit_code == 0, result.output
    return (study / "README.md").read_text()


def test_a_report_of_trainings_alone(tmp_path: Path) -> None:
    page = report(make_study(tmp_path, experiment_document()))
    best = next(line for line in page.splitlines() if line.startswith("| tones |"))
    assert "50 ms frames" in best
    assert "| frame length | 2 of 2 | 50 ms | 40 ms | 1.6 |" in page
    assert "num_coefficients: 30 is more than num_mel_bins" in page
    assert page.count("Pareto front") == 2
    assert {"effects.svg", "accuracy-latency.svg"} <= {
        p.name for p in (tmp_path / "study").iterdir()
    }


def test_prose_stays_when_the_tables_are_made_again(tmp_path: Path) -> None:
    study = make_study(tmp_path, search_document(trials=3))
    page = report(study)
    prose = "By hand: longer frames are better.\n\n" + page
    (study / "README.md").write_text(prose.replace("| 3 |", "| 999 |"))
    assert report(study) == prose


def test_a_table_that_does_not_exist_is_named(tmp_path: Path) -> None:
    study = make_study(tmp_path, experiment_document())
    (study / "README.md").write_text("<!-- table: rankings -->\n<!-- end -->\n")
    result = CliRunner().invoke(main, ["experiment", "report", str(study)])
    assert result.exit_code != 0
    assert "no table 'rankings'" in str(result.exception) + result.output


def test_variants_with_several_seeds_are_compared_as_means(tmp_path: Path) -> None:
    document = experiment_document()
    document["groups"][0]["variants"] = [
        {"name": "longer", "title": "50 ms", "change": {"features.frame_length_ms": 50}},
        {"name": "narrow", "change": {"network.width": 8}},
    ]
    page = report(make_study(tmp_path, document))
    assert "| 50 ms | +1.6 ± 0.0 \\* | 2 |" in page  # the pretended seeds do not differ


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and an experiment of which one trial is trained and converted."""
    needs("tensorflow", "training")
    folder = tmp_path_factory.mktemp("world")
    write_tones(folder / "data" / "tones")
    document = experiment_document(quantizations=["float32", "int8"])
    config = write_experiment(folder, document)
    result = run(run_command(config, folder / "data", "--limit", 1))
    assert result.returncode == 0, result.stderr
    experiment("convert", folder / "study", "--data", folder / "data")
    return folder


@pytest.mark.slow
def test_from_a_training_to_a_report(world: Path) -> None:
    study, data = world / "study", ("--data", world / "data")
    rows = {row["model"]: row for row in Results(study)}
    assert list(rows) == ["float32", "int8"]
    trained = rows["float32"].need("validation_accuracy")
    # the training rounds its figures to five digits
    assert round(rows["float32"].need("model_validation_accuracy"), 5) == trained
    assert rows["float32"]["agrees"] == "true"
    assert rows["float32"]["test_accuracy"] == ""

    # once more, with one model lost: only that one is made again
    next((study / "models").glob("*int8*")).unlink()
    assert experiment("convert", study, *data).stdout.count("validation ") == 1

    (world / "data" / "gsc_test_public").symlink_to("tones")
    evaluated = experiment("evaluate", study, *data)
    assert "2 models to evaluate" in evaluated.stdout
    assert {row["test_clips"] for row in Results(study)} == {"180"}
    once = experiment("evaluate", study, *data, "--test-set", world / "data" / "tones")
    assert "0 models to evaluate" in once.stdout

    experiment("time", study, "--rounds", 2, "--calls", 3)
    for row in Results(study):
        assert 0 < row.need("features_median_ms") < row.need("decision_median_ms")
        assert row["time_interpreter"]
    experiment("report", study)
    assert "| int8 |" in (study / "README.md").read_text()
    assert (study / "quantization.svg").exists()


@pytest.mark.slow
def test_a_model_that_is_not_of_the_table_is_refused(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "study", tmp_path / "study")
    models = sorted((tmp_path / "study" / "models").glob("*.tflite"))
    shutil.copyfile(models[0], models[1])
    result = experiment("time", tmp_path / "study", fails=True)
    assert result.returncode == 65
    assert "is not the model of the table" in result.stderr
