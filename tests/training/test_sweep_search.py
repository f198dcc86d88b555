"""Optuna's search: guided, seeded, the same whether it was interrupted or not."""

from pathlib import Path

import pytest
from sweep_world import InstantExecutor, pretended, run_plan, sweep_config

pytest.importorskip("optuna", reason="needs the extra 'training'")

from training.config import RunConfig
from training.sweep.config import SweepConfig
from training.sweep.factor_plan import FactorPlan
from training.sweep.journal import open_journal
from training.sweep.plans import Tally
from training.sweep.records import Records
from training.sweep.search_plan import SearchPlan
from training.train.trained import TrainingResult


def search(
    folder: Path,
    executor: InstantExecutor,
    config: SweepConfig | None = None,
    trials: int | None = None,
) -> Tally:
    config = config or sweep_config()
    assert config.search
    records = Records(folder / "results")
    with open_journal(folder / "results" / "tones.journal") as storage:
        plan = SearchPlan(config, config.search, storage, records, trials)
        run_plan(config, plan, folder, executor)
        return plan.tally()


def test_a_search_finds_so_many_new_configurations(tmp_path: Path) -> None:
    executor = InstantExecutor()
    tally = search(tmp_path, executor)
    assert (tally.done, tally.left, len(set(executor.ran))) == (5, 0, 5)
    assert search(tmp_path, executor) == tally
    assert search(tmp_path, executor, trials=7).done == 7
    assert len(set(executor.ran)) == len(executor.ran) == 7
    records = list(Records(tmp_path / "results"))
    assert {record.plan for record in records} == {"search"}


@pytest.mark.parametrize("stop", range(5))
def test_an_interrupted_search_goes_on_as_if_nothing_had_been(tmp_path: Path, stop: int) -> None:
    whole = InstantExecutor()
    search(tmp_path / "whole", whole)
    parts = InstantExecutor()

    def interrupted(run: RunConfig) -> TrainingResult:
        if len(parts.ran) == stop:
            raise KeyboardInterrupt
        return pretended(run)

    parts._outcome = interrupted
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "parts", parts)
    rest = InstantExecutor()
    assert search(tmp_path / "parts", rest).done == 5
    assert parts.ran + rest.ran == whole.ran


def test_a_search_learns_from_the_other_plan_and_does_not_repeat_it(tmp_path: Path) -> None:
    config = sweep_config()
    first = InstantExecutor()
    with open_journal(tmp_path / "results" / "tones.journal") as storage:
        plan = FactorPlan(config, storage, Records(tmp_path / "results"))
        run_plan(config, plan, tmp_path, first)
    executor = InstantExecutor()
    assert search(tmp_path, executor).done == 5
    assert not set(first.ran) & set(executor.ran)
    with open_journal(tmp_path / "results" / "tones.journal") as storage:
        (name,) = [
            study.study_name for study in storage.get_all_studies() if "search" in study.study_name
        ]
        trials = storage.get_all_trials(storage.get_study_id_from_name(name))
    learnt = [t for t in trials if t.user_attrs.get("source") == "one-factor"]
    assert len(learnt) == 2  # the base point and 50 ms with the search's seed


def test_several_objectives_and_several_slots(tmp_path: Path) -> None:
    config = sweep_config()
    assert config.search
    space = {"num_coefficients": {"low": 8, "high": 14, "step": 1}, "frame_length_ms": [20, 40]}
    config = sweep_config(
        search={"space": space, "trials": 6, "objectives": ["accuracy", "latency", "size"]}
    )
    assert search(tmp_path, InstantExecutor(slots=3), config).done == 6
    with open_journal(tmp_path / "results" / "tones.journal") as storage:
        (study,) = storage.get_all_studies()
        trials = storage.get_all_trials(study._study_id)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE"] + ["MINIMIZE"] * 2
    assert all(len(t.values) == 3 for t in trials if t.state.name == "COMPLETE")


def test_a_space_that_is_exhausted_ends_the_search(tmp_path: Path) -> None:
    config = sweep_config(search={"space": {"num_coefficients": [8, 9]}, "trials": 5})
    assert search(tmp_path, InstantExecutor(), config).done == 2


def test_impossible_proposals_are_recorded_and_not_counted(tmp_path: Path) -> None:
    space = {"num_coefficients": [8, 9, 10, 60], "num_mel_bins": [20, 22]}
    config = sweep_config(search={"space": space, "trials": 6})
    tally = search(tmp_path, InstantExecutor(), config)
    assert tally.done == 6
    failed = [r for r in Records(tmp_path / "results") if r.state == "failed"]
    assert all("num_coefficients: 60" in record.reason for record in failed)
