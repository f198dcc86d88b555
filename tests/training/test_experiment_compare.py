"""What chance alone does, and which choices nothing else beats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.experiments.compare import (
    Difference,
    SeedNoise,
    TrialScore,
    compare,
    compare_means,
)
from training.experiments.results import hexadecimal, row_of
from training.experiments.summarise import front
from training.report.wording import verdict
from training.stats import mcnemar_p, newcombe_interval, pooled_sd, range_p, student_quantile

Pair = tuple[int, int]
choices = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12)


def score(right: list[bool], clips_id: str = "some") -> TrialScore:
    return TrialScore(sum(right) / len(right), len(right), np.array(right), clips_id)


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_a_row_remembers_each_clip(right: list[bool]) -> None:
    row = row_of({"trial": "a", "test_right": hexadecimal(np.array(right))})
    bits = row.bits("test_right", len(right))
    assert bits is not None
    assert bits.tolist() == right


def test_mcnemar_is_the_exact_binomial() -> None:
    assert mcnemar_p(0, 0) == 1
    assert mcnemar_p(5, 5) == 1
    assert mcnemar_p(1, 9) == pytest.approx(2 * 11 / 1024)
    assert mcnemar_p(9, 1) == mcnemar_p(1, 9)


def test_newcombe_as_published() -> None:
    # Newcombe 1998, table II, method 10, case (a): 56/70 - 48/80
    assert newcombe_interval((56, 70), (48, 80)) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_quantiles_as_in_tables() -> None:
    assert student_quantile(2) == pytest.approx(4.303, abs=1e-3)
    assert student_quantile(10) == pytest.approx(2.228, abs=1e-3)
    # the studentized range of 3 means with 10 degrees of freedom: 3.88 at 5 %
    assert range_p(3.877, 3, 10) == pytest.approx(0.05, abs=1e-3)


def test_models_are_compared_clip_by_clip_only_on_the_same_clips() -> None:
    noise = SeedNoise(0.0, 0)
    worse = score([False] * 10 + [True] * 30)
    found = compare(score([True] * 40), [worse], noise)
    assert found.paired
    assert found.by_clips == pytest.approx(2 / 1024)
    assert not compare(score([True] * 40, "other"), [worse], noise).paired


def test_noise_is_called_noise_about_as_often_as_said() -> None:
    random, false = np.random.default_rng(1), 0
    for _ in range(200):
        seeds, values = random.normal(0, 0.005, (3, 3)), random.normal(0, 0.005, 8)
        noise = SeedNoise(float(np.sqrt(seeds.var(axis=1, ddof=1).mean())), 6)
        p = noise.p_of_range(list(values))
        assert p is not None
        false += p < 0.05
    assert 1 <= false <= 22


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
    assert not Difference(0.1, None, None).clear
    assert verdict(Difference(0.1, 0.001, 0.3, True)) == "inside the noise"
    assert compare_means([TrialScore(0.9)], [TrialScore(0.8)], noise).interval is None


def test_means_of_more_seeds_have_a_narrower_interval() -> None:
    noise = SeedNoise(0.01, 10)
    one = compare_means([TrialScore(0.9)], [TrialScore(0.8)], noise).interval
    three = compare_means([TrialScore(0.9)] * 3, [TrialScore(0.8)] * 3, noise).interval
    assert one
    assert three
    assert one == pytest.approx((0.1 - 0.0315, 0.1 + 0.0315), abs=1e-4)  # 2.228 * 0.01 * sqrt 2
    assert three[1] - three[0] == pytest.approx((one[1] - one[0]) / 3**0.5)


def test_the_interval_of_a_gain_holds_the_truth_as_often_as_said() -> None:
    """Clips of one difficulty, networks whose share of them varies with the seed."""
    random, truth, held = np.random.default_rng(5), 0.03, 0
    for _ in range(300):
        seeds = 0.9 + 0.006 * random.standard_normal(8)
        noise = SeedNoise(*pooled_sd([seeds[:3].tolist(), seeds[3:6].tolist()]))
        best, base = 0.9 + truth + 0.006 * random.standard_normal(), seeds[:3]
        ours, *others = (score((random.random(800) < share).tolist()) for share in (best, *base))
        found = compare(ours, others, noise).interval
        assert found is not None
        held += found[0] <= truth <= found[1]
    assert held / 300 == pytest.approx(0.95, abs=0.035)


def test_the_interval_of_a_gain_needs_the_same_clips_and_seeds() -> None:
    a, other = score([True, False, True]), score([True, False], "others")
    assert compare(a, [other], SeedNoise(0.01, 4)).interval is None
    assert compare(a, [a], SeedNoise(0.0, 0)).interval is None
    assert compare(a, [a], SeedNoise(0.0, 4)).interval == (0.0, 0.0)


def found(pairs: list[Pair]) -> list[Pair]:
    return front(pairs, lambda pair: pair[0], lambda pair: pair[1])


def beats(a: Pair, b: Pair) -> bool:
    """Is ``a`` as cheap and as good as ``b``, and in one of the two better?"""
    return a[0] <= b[0] and a[1] >= b[1] and a != b


@given(choices)
def test_nothing_beats_what_is_on_a_front_and_something_all_the_rest(pairs: list[Pair]) -> None:
    kept = found(pairs)
    assert set(kept) == {p for p in pairs if not any(beats(other, p) for other in pairs)}
    assert len(kept) == len(set(kept))


@given(choices)
def test_a_front_rises(pairs: list[Pair]) -> None:
    kept = found(pairs)
    assert kept == sorted(kept)
    assert [gain for _, gain in kept] == sorted({gain for _, gain in kept})


def test_of_equals_the_first() -> None:
    assert front(["a", "b"], lambda _: 1.0, lambda _: 2.0) == ["a"]
