"""The space of a sweep: what YAML may say, and which runs it makes."""

import dataclasses
from pathlib import Path

import pytest
from sweep_world import COMPLETE, REFUSED, ROOT, sweep_config

from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import load
from kws_edge.errors import ValidationErrors
from training.config import RunConfig
from training.sweep.config import SweepConfig
from training.sweep.one_factor import distinct, one_factor
from training.sweep.point import Point
from training.sweep.trial import make_trial, run_config
from training.train.run import as_document

CONFIGS = sorted((ROOT / "training" / "configs").glob("sweep-*.yaml"))


@pytest.mark.parametrize(
    ("kind", "at_least", "seeds"), [("log-mel", 17, 3), ("mfcc", 20, 3), ("spectrogram", 8, 1)]
)
def test_the_shipped_sweeps_are_as_large_as_the_study_asks(
    kind: str, at_least: int, seeds: int
) -> None:
    config = load(ROOT / "training" / "configs" / f"sweep-{kind}.yaml", SweepConfig)
    trials = distinct(one_factor(config))
    assert len({trial.point for trial in trials}) >= at_least
    assert sum(trial.point == config.base for trial in trials) == seeds
    assert all(run_config(config, trial).test is False for trial in trials)
    assert [t.work for t in trials[1:]] == sorted(t.work for t in trials[1:])


@pytest.mark.parametrize("name", ["lab-log-mel", "lab-mfcc"])
def test_the_sweeps_start_from_the_lab_s_points(name: str) -> None:
    lab = load(ROOT / "training" / "configs" / f"{name}.yaml", RunConfig)
    sweep = load(
        ROOT / "training" / "configs" / f"{name.replace('lab', 'sweep')}.yaml", SweepConfig
    )
    run = run_config(sweep, make_trial(sweep, sweep.base, 0))
    assert run.features == lab.features
    assert dataclasses.replace(run, name=lab.name, seed=lab.seed, test=True) == lab


def test_a_point_that_several_factors_share_is_one_trial() -> None:
    plan = one_factor(sweep_config())
    base = [planned for planned in plan if planned.trial == plan[0].trial]
    assert {planned.factor for planned in base} == {"base", "frame_length_ms", "num_coefficients"}
    assert len(distinct(plan)) == COMPLETE + REFUSED


def test_settings_without_effect_do_not_make_another_trial() -> None:
    config = sweep_config()
    spectrogram = Point("spectrogram")
    one = make_trial(config, spectrogram, 0)
    same = spectrogram.moved(num_mel_bins=10, num_coefficients=5, min_fft_length=512)
    assert make_trial(config, same, 0).key == one.key
    assert make_trial(config, spectrogram.moved(min_fft_length=1024), 0).key != one.key
    assert make_trial(config, spectrogram, 1).key != one.key
    assert make_trial(sweep_config(optimizer={"epochs": 3}), spectrogram, 0).key != one.key


def test_short_frames_are_padded_for_the_mel_bands() -> None:
    point = Point("log_mel", frame_length_ms=8)
    with pytest.raises(ValidationErrors, match="no FFT bin"):
        point.features()
    padded = point.moved(min_fft_length=512).features()
    assert (padded.frame_length, padded.fft_samples, padded.frame_step) == (128, 512, 64)
    long = Point("log_mel", min_fft_length=512, overlap=0.25).features()
    assert (long.fft_samples, long.frame_step_ms) == (640, 30.0)


def test_all_faults_of_a_sweep_are_told_at_once() -> None:
    with pytest.raises(ValidationErrors) as error:
        parse(
            SweepConfig,
            {
                "name": "a/b",
                "base": {"kind": "log_mel", "frame_length_ms": 8},
                "factors": {"num_coefficients": [10]},
                "seeds": [1, 1],
            },
        )
    text = str(error.value)
    for part in ("seeds", "a/b", "factors.num_coefficients", "base.num_mel_bins"):
        assert part in text


def test_search_faults() -> None:
    with pytest.raises(
        ValidationErrors, match="search.space.num_mel_bins.step: found 0.5".replace(".", r"\.")
    ):
        sweep_config(search={"space": {"num_mel_bins": {"low": 10, "high": 20, "step": 0.5}}})
    with pytest.raises(ValidationErrors, match="nothing to search"):
        sweep_config(search={"space": {}})
    with pytest.raises(ValidationErrors, match="did you mean overlap"):
        sweep_config(factors={"overlapp": [0.5]})


def test_a_run_s_configuration_is_read_back_from_its_document(tmp_path: Path) -> None:
    config = sweep_config()
    run = run_config(config, make_trial(config, config.base, 0))
    assert parse(RunConfig, as_document(run)) == run
