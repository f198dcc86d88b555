"""Where the word is in a take, and the second around it."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.audio.files import read_audio
from kws_edge.audio.speech_level import centred, find_sounds, quietest
from kws_edge.detection.scoring import read_label_track
from kws_edge.model.bundled import demo_recording
from kws_edge.types import FloatArray

RATE = 16000
TAKE = 3.5  # s


@dataclass(frozen=True)
class Spoken:
    """A take with a word made of tones and hisses, with closures between."""

    samples: FloatArray
    start: int
    end: int


@st.composite
def takes(draw: st.DrawFn) -> Spoken:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for number in range(draw(st.integers(1, 4))):
        if number:
            parts.append(np.zeros(draw(st.integers(0, round(0.12 * RATE)))))
        length = draw(st.integers(round(0.07 * RATE), round(0.15 * RATE)))
        level = 10 ** (draw(st.floats(-15, 0)) / 20)
        hertz = draw(st.sampled_from([0, 150, 700, 2500, 6000]))  # 0: a hiss
        tone = np.sin(2 * np.pi * hertz * np.arange(length) / RATE)
        parts.append(level * (tone if hertz else rng.normal(0, 0.5, length)))
    word = np.concatenate(parts)  # at most 0.96 s
    noise = 10 ** (draw(st.floats(-80, -32)) / 20)
    samples = rng.normal(0, noise, round(TAKE * RATE))
    start = draw(st.integers(round(0.05 * RATE), len(samples) - len(word) - round(0.05 * RATE)))
    samples[start : start + len(word)] += word
    peak = float(np.abs(samples).max())
    return Spoken((0.5 * samples / peak).astype(np.float32), start, start + len(word))


@settings(max_examples=100, deadline=None)
@given(takes())
def test_a_word_of_any_length_and_place_comes_out_centred_and_whole(take: Spoken) -> None:
    layout = find_sounds(take.samples, RATE)
    (sound,) = layout.sounds
    assert layout.word is sound
    assert -0.01 * RATE <= take.start - sound.start <= 0.06 * RATE
    assert -0.01 * RATE <= sound.end - take.end <= 0.06 * RATE
    sample, start = centred(take.samples, sound, RATE)
    assert sample.dtype == np.float32
    assert len(sample) == RATE
    assert abs((take.start + take.end) / 2 - start - RATE / 2) <= 0.03 * RATE
    inside = sample[take.start - start : take.end - start]
    np.testing.assert_array_equal(inside, take.samples[take.start : take.end])
    assert np.abs(sample).max() == np.abs(take.samples).max()


@settings(max_examples=50, deadline=None)
@given(takes(), st.integers(1, 9), st.booleans())
def test_the_cut_does_not_depend_on_the_gain(take: Spoken, halvings: int, inverted: bool) -> None:
    gain = np.float32((-1 if inverted else 1) * 0.5**halvings)
    expected = [(s.start, s.end) for s in find_sounds(take.samples, RATE).sounds]
    assert [(s.start, s.end) for s in find_sounds(gain * take.samples, RATE).sounds] == expected


@settings(max_examples=50, deadline=None)
@given(takes(), st.floats(-0.3, 0.3), st.floats(0, 0.1))
def test_an_offset_and_hum_change_little(take: Spoken, offset: float, hum: float) -> None:
    seconds = np.arange(len(take.samples)) / RATE
    disturbed = take.samples + offset + hum * np.sin(2 * np.pi * 50 * seconds)
    word = find_sounds(disturbed.astype(np.float32), RATE).word
    assert word is not None
    assert abs(word.start - take.start) <= 0.05 * RATE
    assert abs(word.end - take.end) <= 0.05 * RATE


def test_spoken_words_are_found_where_they_were_marked() -> None:
    """The label track was made with the speech, not by listening."""
    samples = read_audio(demo_recording(), RATE)
    spoken = read_label_track(demo_recording().with_suffix(".labels.txt"))
    sounds = find_sounds(samples, RATE).sounds
    assert len(sounds) == len(spoken)
    for sound, word in zip(sounds, spoken, strict=True):
        assert sound.start / RATE == pytest.approx(word.start, abs=0.05), word
        assert sound.end / RATE == pytest.approx(word.end, abs=0.06), word


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_word(seed: int) -> None:
    rng = np.random.default_rng(seed)
    white = rng.normal(0, 0.05, round(TAKE * RATE)).astype(np.float32)
    assert find_sounds(white, RATE).word is None


def test_a_click_is_no_word() -> None:
    samples = np.random.default_rng(0).normal(0, 1e-4, round(TAKE * RATE)).astype(np.float32)
    time = np.arange(320) / RATE
    samples[20000:20320] += 0.9 * np.exp(-time / 0.002) * np.sin(2 * np.pi * 2000 * time)
    assert find_sounds(samples, RATE).word is None


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_a_constant_is_no_word(value: float) -> None:
    assert find_sounds(np.full(round(TAKE * RATE), value, np.float32), RATE).word is None


def test_what_is_missing_at_the_ends_is_filled_with_the_quiet_of_the_take() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 1e-3, 2 * RATE).astype(np.float32)
    samples[1000:4000] += 0.3 * np.sin(np.arange(3000)).astype(np.float32)
    word = find_sounds(samples, RATE).word
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
