"""Intervals and exact tests against values known from books."""

import pytest

from training.stats import binomial_tail, fisher_greater, wilson_interval


def test_wilson_interval() -> None:
    # Newcombe 1998, table I, method 3
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson_interval(0, 0) == (0, 1)


def test_fishers_tea() -> None:
    # a lady names 3 of 4 cups rightly: (16 + 1) / 70
    assert fisher_greater(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert fisher_greater(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert fisher_greater(0, 4, 4, 4) == 1
    assert fisher_greater(30, 40, 133, 1827) < 1e-20


def test_binomial_tail() -> None:
    assert binomial_tail(8, 10, 0.5) == pytest.approx(56 / 1024)
    assert binomial_tail(0, 10, 0.05) == pytest.approx(1)
    assert binomial_tail(0, 0, 0.05) == 1
    assert binomial_tail(600, 10000, 0.05) == pytest.approx(4.4e-6, rel=0.5)  # normal: 2.5e-6
    assert binomial_tail(10000, 10000, 0.05) == 0  # less than a float can hold
