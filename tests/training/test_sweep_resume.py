"""The one-factor plan: everything once, whatever happens in between."""

from pathlib import Path

import pytest
from sweep_world import COMPLETE, REFUSED, InstantExecutor, pretended, run_plan, sweep_config

pytest.importorskip("optuna", reason="needs the extra 'training'")

from kws_edge.errors import ConfigError, DataError
from training.config import RunConfig
from training.sweep.executor import Failure
from training.sweep.factor_plan import FactorPlan
from training.sweep.journal import open_journal
from training.sweep.plans import Tally
from training.sweep.records import Records
from training.train.trained import TrainingResult


def go(folder: Path, executor: InstantExecutor, **options: object) -> Tally:
    """One call of the command, with another executor."""
    limit = options.pop("limit", None)
    config = sweep_config()
    records = Records(folder / "results")
    with open_journal(folder / "results" / "tones.journal") as storage:
        plan = FactorPlan(config, storage, records, **options)  # type: ignore[arg-type]
        try:
            run_plan(config, plan, folder, executor, limit)  # type: ignore[arg-type]
        finally:
            tally = plan.tally()
    return tally


def test_every_trial_runs_once_and_a_refused_one_stops_nothing(tmp_path: Path) -> None:
    executor = InstantExecutor()
    tally = go(tmp_path, executor)
    assert (tally.done, tally.failed, tally.left) == (COMPLETE, REFUSED, 0)
    assert len(set(executor.ran)) == len(executor.ran) == COMPLETE
    (refused,) = [r for r in Records(tmp_path / "results") if r.state == "failed"]
    assert "num_coefficients: 30 is more than num_mel_bins" in refused.reason
    again = InstantExecutor()
    assert go(tmp_path, again) == tally
    assert again.ran == []


def test_a_limit_leaves_the_rest(tmp_path: Path) -> None:
    assert go(tmp_path, InstantExecutor(), limit=1).left == COMPLETE + REFUSED - 1
    assert go(tmp_path, InstantExecutor()).left == 0


def test_a_trial_that_was_interrupted_runs_again_and_counts_once(tmp_path: Path) -> None:
    def interrupted(run: RunConfig) -> TrainingResult:
        if run.features.frame_length_ms == 50:
            raise KeyboardInterrupt
        return pretended(run)

    first = InstantExecutor(interrupted)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, first)
    second = InstantExecutor()
    tally = go(tmp_path, second)
    assert (tally.done, tally.failed, tally.left) == (COMPLETE, REFUSED, 0)
    assert sorted(set(first.ran + second.ran)) == sorted(first.ran + second.ran)
    with open_journal(tmp_path / "results" / "tones.journal") as storage:
        trials = storage.get_all_trials(storage.get_study_id_from_name("tones-one-factor"))
    told = [t.user_attrs["key"] for t in trials if t.state.name == "COMPLETE"]
    assert len(told) == len(set(told)) == COMPLETE
    assert not [t for t in trials if t.state.name == "RUNNING"]


def test_a_failure_is_kept_and_runs_again_when_asked(tmp_path: Path) -> None:
    def failing(run: RunConfig) -> TrainingResult | Failure:
        return Failure("out of memory") if run.seed == 1 else pretended(run)

    assert go(tmp_path, InstantExecutor(failing)).failed == REFUSED + 1
    assert go(tmp_path, InstantExecutor()).failed == REFUSED + 1
    tally = go(tmp_path, InstantExecutor(), retry_failed=True)
    assert (tally.done, tally.failed) == (COMPLETE, REFUSED)


def test_the_records_are_enough_where_the_journal_is_lost(tmp_path: Path) -> None:
    go(tmp_path, InstantExecutor())
    (tmp_path / "results" / "tones.journal").unlink()
    executor = InstantExecutor()
    assert go(tmp_path, executor).done == COMPLETE
    assert executor.ran == []


def test_a_journal_that_a_kill_cut_off_is_mended(tmp_path: Path) -> None:
    go(tmp_path, InstantExecutor(), limit=1)
    journal = tmp_path / "results" / "tones.journal"
    with journal.open("ab") as file:
        file.write(b'{"op_code":4,"worker')
    journal.with_name("tones.journal.lock").symlink_to(journal)
    assert go(tmp_path, InstantExecutor()).left == 0
    assert journal.read_bytes().endswith(b"\n")


def test_two_sweeps_on_the_same_results_are_refused(tmp_path: Path) -> None:
    with (
        open_journal(tmp_path / "journal"),
        pytest.raises(ConfigError, match="another sweep"),
        open_journal(tmp_path / "journal"),
    ):
        pass


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    go(tmp_path, InstantExecutor())
    broken = next((tmp_path / "results" / "runs").glob("*.json"))
    broken.write_text("{}")
    with pytest.raises(DataError, match=broken.name):
        list(Records(tmp_path / "results"))
