"""The second that is cut out of a take: the word in its middle, whole."""

import numpy as np
import pytest
from conftest import noise
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.audio.speech_level import measure_speech
from kws_edge.recorder.take import centred, quietest
from kws_edge.types import FloatArray

RATE = 16000
TAKE = 3.5  # s


def take(start: int, count: int, seed: int = 0) -> FloatArray:
    """A vowel of ``count`` samples in faint noise."""
    samples = noise(round(TAKE * RATE), seed) * np.float32(0.01)
    time = np.arange(count) / RATE
    vowel = sum(np.sin(2 * np.pi * 140 * n * time + n) / n for n in range(1, 20))
    samples[start : start + count] += 0.2 * vowel
    return samples


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_word_of_any_length_and_place_comes_out_centred_and_whole(data: st.DataObject) -> None:
    count = data.draw(st.integers(round(0.1 * RATE), round(0.95 * RATE)))
    start = data.draw(st.integers(round(0.05 * RATE), round((TAKE - 0.05) * RATE) - count))
    samples = take(start, count)
    word = measure_speech(samples, RATE).word
    assert word is not None
    sample, first = centred(samples, word, RATE)
    assert sample.dtype == np.float32
    assert len(sample) == RATE
    assert abs(start + count / 2 - first - RATE / 2) <= 0.02 * RATE
    inside = sample[start - first : start + count - first]
    np.testing.assert_array_equal(inside, samples[start : start + count])
    assert np.abs(sample).max() == np.abs(samples).max()


def test_what_is_missing_at_the_ends_is_filled_with_the_quiet_of_the_take() -> None:
    samples = take(1000, 3000)[: 2 * RATE]
    word = measure_speech(samples, RATE).word
    assert word is not None
    sample, start = centred(samples, word, RATE)
    assert start < 0
    np.testing.assert_array_equal(sample[-start:], samples[: RATE + start])
    filled = sample[:-start]
    assert np.sqrt(np.mean(filled**2)) == pytest.approx(1e-3, rel=0.1)


def test_the_quietest_stretch() -> None:
    samples = np.array([3, 1, 1, 2, 0, 1, 5], np.float32)
    np.testing.assert_array_equal(quietest(samples, 2), [0, 1])
    assert len(quietest(samples, 0)) == 0
    np.testing.assert_array_equal(quietest(samples[:2], 5), [3, 1, 3, 1, 3])
