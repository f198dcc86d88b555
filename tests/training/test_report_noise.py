"""Differences against the noise: known values, and simulated studies without an effect."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_edge.errors import ValidationErrors
from training.data.clips import Clip
from training.report.compare import interval_of
from training.report.noise import Difference, SeedNoise, by_clips
from training.report.score import score_of
from training.stats import mcnemar_p, newcombe_interval, pooled_sd
from training.study.outcome import Outcome, outcome_of


def outcome(right: list[bool], names: str = "clip") -> Outcome:
    clips = [Clip(Path(f"{names}{n}.wav"), "yes", "a") for n in range(len(right))]
    heard = np.array([0 if r else 1 for r in right])
    return outcome_of(heard, clips, ("yes", "no"), "some clips")


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_an_outcome_remembers_each_clip(right: list[bool]) -> None:
    made = outcome(right)
    assert made.right().tolist() == right
    assert made.accuracy == sum(right) / len(right)
    assert made.lower - 1e-12 <= made.accuracy <= made.upper + 1e-12
    assert made.confusion[0][0] == sum(right)


def test_an_outcome_with_digits_missing_is_refused() -> None:
    made = outcome([True] * 20)
    with pytest.raises(ValidationErrors, match="do not fit 20 clips"):
        Outcome(**{**made.__dict__, "correct": made.correct[:-2]})


def test_mcnemar_is_the_exact_binomial() -> None:
    assert mcnemar_p(0, 0) == 1
    assert mcnemar_p(5, 5) == 1
    assert mcnemar_p(1, 9) == pytest.approx(2 * 11 / 1024)
    assert mcnemar_p(9, 1) == mcnemar_p(1, 9)


def test_newcombe_as_published() -> None:
    # Newcombe 1998, table II, method 10, case (a): 56/70 - 48/80
    assert newcombe_interval((56, 70), (48, 80)) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_models_are_compared_clip_by_clip_only_on_the_same_clips() -> None:
    better, worse = outcome([True] * 40), outcome([False] * 10 + [True] * 30)
    p, paired = by_clips(score_of(better), score_of(worse))
    assert paired
    assert p == pytest.approx(2 / 1024)
    _, paired = by_clips(score_of(better), score_of(outcome([True] * 40, "other")))
    assert not paired


def test_noise_is_called_noise_about_as_often_as_said() -> None:
    random, false = np.random.default_rng(1), 0
    for _ in range(400):
        seeds, values = random.normal(0, 0.005, (3, 3)), random.normal(0, 0.005, 8)
        noise = SeedNoise(float(np.sqrt(seeds.var(axis=1, ddof=1).mean())), 6)
        p = noise.p_of_range(list(values))
        assert p is not None
        false += p < 0.05
    assert 4 <= false <= 40


def test_the_best_of_many_must_be_better_than_a_single_one() -> None:
    noise = SeedNoise(0.005, 6)
    single, many = noise.p_of_best(0.015, 1, 3), noise.p_of_best(0.015, 30, 3)
    assert single is not None
    assert many is not None
    assert single < 0.05 < many


def test_without_seeds_nothing_is_known_of_them() -> None:
    noise = SeedNoise(0.0, 0)
    assert noise.p_of_best(0.1, 1, 1) is None
    assert noise.p_of_range([0.1, 0.2]) is None
    assert not Difference(0.1, None, None, False).clear
    assert "inside the noise" in Difference(0.1, 0.001, 0.3, True).verdict


def test_the_interval_of_a_gain_holds_the_truth_as_often_as_said() -> None:
    """Clips of one difficulty, networks whose share of them varies with the seed."""
    random, truth, held = np.random.default_rng(5), 0.03, 0
    for _ in range(300):
        seeds = 0.9 + 0.006 * random.standard_normal(8)
        noise = SeedNoise(*pooled_sd([seeds[:3].tolist(), seeds[3:6].tolist()]))
        best, base = 0.9 + truth + 0.006 * random.standard_normal(), seeds[:3]
        ours, *others = (
            score_of(outcome((random.random(800) < share).tolist())) for share in (best, *base)
        )
        found = interval_of(ours, others, noise)
        assert found is not None
        held += found[0] <= truth <= found[1]
    assert held / 300 == pytest.approx(0.95, abs=0.035)


def test_the_interval_of_a_gain_needs_the_same_clips_and_seeds() -> None:
    a, other = score_of(outcome([True, False, True])), score_of(outcome([True, False]))
    assert interval_of(a, [other], SeedNoise(0.01, 4)) is None
    assert interval_of(a, [a], SeedNoise(0.0, 0)) is None
    assert interval_of(a, [a], SeedNoise(0.0, 4)) == (0.0, 0.0)
