"""Every trial once, whatever happens in between."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from experiment_world import (
    COMPLETE,
    REFUSED,
    InstantExecutor,
    experiment_document,
    go,
    pretended,
    run_command,
    search_document,
    write_experiment,
)
from tones import ROOT, needs, run, write_tones

pytest.importorskip("optuna", reason="needs the extra 'training'")

from kws_edge.errors import ConfigError, DataError
from training.experiments import runner
from training.experiments.executors import DataFolders, Failure, Job
from training.experiments.results import Results, row_of
from training.train.run import TrainingResult


def test_every_trial_runs_once_and_a_refused_one_stops_nothing(tmp_path: Path) -> None:
    executor = InstantExecutor()
    tally = go(tmp_path, experiment_document(), executor)
    assert (tally.done, tally.failed, tally.left) == (COMPLETE, REFUSED, 0)
    assert len(set(executor.ran)) == len(executor.ran) == COMPLETE
    (refused,) = [row for row in Results(tmp_path) if row["state"] == "failed"]
    assert "features.num_coefficients: 30 is more than num_mel_bins" in refused["reason"]
    again = InstantExecutor()
    assert go(tmp_path, experiment_document(), again) == tally
    assert again.ran == []


def test_a_row_holds_settings_and_metrics(tmp_path: Path) -> None:
    go(tmp_path, experiment_document(), InstantExecutor())
    row = next(row for row in Results(tmp_path) if row["variant"] == "frame_length_ms=50")
    assert row["features.frame_length_ms"] == "50"
    assert row["plan"] == "factors"
    assert row.need("clips.validation.keywords") == 100
    assert row.need("validation_accuracy") == pytest.approx(0.5 + 0.1 + 0.08)


def test_a_stopped_experiment_goes_on_where_it_was(tmp_path: Path) -> None:
    first, second = InstantExecutor(), InstantExecutor()
    assert go(tmp_path, experiment_document(), first, limit=1).left > 0
    tally = go(tmp_path, experiment_document(), second)
    assert tally.left == 0
    assert len(first.ran) == 1
    assert not set(first.ran) & set(second.ran)


def test_failed_trials_stay_failed_until_asked_for(tmp_path: Path) -> None:
    def fails(job: Job) -> TrainingResult | Failure:
        return Failure("out of memory") if job.trial.seed == 1 else pretended(job)

    assert go(tmp_path, experiment_document(), InstantExecutor(fails)).failed == REFUSED + 1
    assert any(row["reason"] == "out of memory" for row in Results(tmp_path))
    again = InstantExecutor()
    assert go(tmp_path, experiment_document(), again).failed == REFUSED + 1
    assert again.ran == []
    retried = InstantExecutor()
    tally = go(tmp_path, experiment_document(), retried, retry_failed=True)
    assert (tally.done, tally.failed, len(retried.ran)) == (COMPLETE, REFUSED, 1)


def test_trials_side_by_side_run_once_each(tmp_path: Path) -> None:
    executor = InstantExecutor(slots=3)
    assert go(tmp_path, experiment_document(), executor).done == COMPLETE
    assert len(set(executor.ran)) == len(executor.ran) == COMPLETE


def test_the_configuration_of_a_trial(tmp_path: Path) -> None:
    executor = InstantExecutor()
    go(tmp_path, experiment_document(), executor)
    longer = next(j for j in executor.jobs if j.trial.variant == "frame_length_ms=50")
    features = longer.config.features
    assert (features.frame_length_ms, features.frame_step_ms) == (50, 50)  # no overlap
    assert {job.config.training_seed for job in executor.jobs} == {0, 1}


def test_psf_mfcc_is_a_kind_like_any_other(tmp_path: Path) -> None:
    executor = InstantExecutor()
    document = experiment_document(kind="psf_mfcc")
    assert go(tmp_path, document, executor).done == COMPLETE
    assert {job.config.features.kind for job in executor.jobs} == {"psf_mfcc"}


def test_any_setting_of_any_architecture_can_vary(tmp_path: Path) -> None:
    document = experiment_document()
    document["groups"][0]["factors"] = {
        "network.architecture": ["ds_cnn", "tc_resnet"],
        "schedule.epochs": [1, 3],
    }
    executor = InstantExecutor()
    assert go(tmp_path, document, executor).failed == 0
    networks = {job.config.network.architecture for job in executor.jobs}
    assert networks == {"lab_cnn", "ds_cnn", "tc_resnet"}


def test_a_setting_that_does_not_exist_is_named(tmp_path: Path) -> None:
    document = experiment_document()
    document["groups"][0]["factors"] = {"network.widht": [8]}
    assert go(tmp_path, document, InstantExecutor()).done == 0
    assert all("did you mean width" in row["reason"] for row in Results(tmp_path))


def test_a_search_continues_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    through, stopped = tmp_path / "through", tmp_path / "stopped"
    whole = InstantExecutor()
    assert go(through, search_document(), whole).done == 5
    halves = InstantExecutor(), InstantExecutor()
    go(stopped, search_document(), halves[0], limit=2)
    tally = go(stopped, search_document(), halves[1])
    assert (tally.done, tally.left) == (5, 0)
    assert halves[0].ran + halves[1].ran == whole.ran


def test_a_search_refuses_more_coefficients_than_bands_by_name(tmp_path: Path) -> None:
    space = {
        "features.num_mel_bins": {"low": 10, "high": 30, "step": 2},
        "features.num_coefficients": {"low": 10, "high": 30, "step": 1},
    }
    tally = go(tmp_path, search_document(space=space, trials=6), InstantExecutor())
    reasons = [row["reason"] for row in Results(tmp_path) if row["state"] == "failed"]
    assert tally.done == 6
    assert reasons  # else the space refuses nothing, and this tests nothing
    assert all("num_coefficients" in reason and "num_mel_bins" in reason for reason in reasons)


def test_a_search_finds_what_is_better(tmp_path: Path) -> None:
    go(tmp_path, search_document(trials=20, startup_trials=6), InstantExecutor())
    rows = [row for row in Results(tmp_path) if row["state"] == "complete"]
    early, late = rows[:6], rows[-6:]

    def mean(some: list[object]) -> float:
        return sum(row.need("validation_accuracy") for row in some) / len(some)  # type: ignore[attr-defined]

    assert mean(list(late)) > mean(list(early))


def test_a_search_may_weigh_accuracy_against_latency(tmp_path: Path) -> None:
    document = search_document(minimize=["estimated_latency_ms"], trials=6)
    assert go(tmp_path, document, InstantExecutor()).done == 6


def test_a_grid_is_every_combination_once(tmp_path: Path) -> None:
    space = {"features.frame_length_ms": [40, 50], "features.num_mel_bins": [14, 20, 24]}
    document = search_document(sampler="grid", space=space)
    executor = InstantExecutor()
    go(tmp_path, document, executor, limit=2)
    tally = go(tmp_path, document, executor)
    points = [
        (j.config.features.frame_length_ms, j.config.features.num_mel_bins) for j in executor.jobs
    ]
    assert sorted(points) == [(a, b) for a in (40, 50) for b in (14, 20, 24)]
    assert (tally.done, tally.failed, tally.left) == (6, 0, 0)


def test_two_runs_on_one_table_are_refused(tmp_path: Path) -> None:
    results = Results(tmp_path)
    with (
        results.locked(),
        pytest.raises(ConfigError, match="another process"),
        Results(tmp_path).locked(),
    ):
        pass


@pytest.mark.parametrize("make", [experiment_document, search_document])
def test_a_table_is_not_continued_on_other_clips(
    make: Callable[[], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LocalExecutor", lambda folders: InstantExecutor())
    tones = write_tones(tmp_path / "data" / "tones")
    config = write_experiment(tmp_path, make())
    folders = DataFolders(tones.parent, None, tmp_path / "cache")
    request = runner.Request(config, tmp_path / "study", folders)
    runner.run(replace(request, limit=4), lambda line: None)
    assert runner.run(request, lambda line: None).left == 0  # the same clips
    rows = [row for row in Results(tmp_path / "study") if row["state"] == "complete"]
    assert len({row["clips_id"] for row in rows if row["clips_id"]}) == 1
    assert all(row["clips_id"] for row in rows)
    next(tones.rglob("*.wav")).unlink()
    with pytest.raises(
        ConfigError, match=r"results\.csv: trial \S+ had other clips than"
    ) as caught:
        runner.run(request, lambda line: None)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"results\.csv"):
        Results(tmp_path)


def test_a_cell_may_hold_anything(tmp_path: Path) -> None:
    results = Results(tmp_path)
    reason = 'ValueError: "a, b"\nsecond line'
    results.put(row_of({"trial": "a", "state": "failed", "reason": reason, "x": 0.1 + 0.2}))
    (row,) = Results(tmp_path)
    assert row["reason"] == 'ValueError: "a, b" second line'
    assert row.need("x") == 0.1 + 0.2


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_no_finished_trial(tmp_path: Path) -> None:
    needs("keras", "training")
    tones = write_tones(tmp_path / "data" / "tones")
    config = write_experiment(tmp_path, experiment_document())
    command = run_command(config, tones.parent)
    table = tmp_path / "study" / "results.csv"
    with subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
    ) as process:
        end = time.monotonic() + 300
        while not (table.exists() and ",complete," in table.read_text()):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    finished = {row["trial"]: row["finished"] for row in Results(tmp_path / "study")}
    result = run(command)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"done": COMPLETE, "failed": REFUSED, "left": 0}
    after = {row["trial"]: row["finished"] for row in Results(tmp_path / "study")}
    assert finished.items() <= after.items()  # not trained again
    assert len(list((tmp_path / "study" / "networks").glob("[!.]*"))) == COMPLETE
