"""Which takes are refused, and what is said about them."""

import numpy as np
import pytest
from conftest import noise

from kws_edge.audio.files import from_pcm16, to_pcm16
from kws_edge.recorder.take import LEAST_LEVEL_DBFS, Take, judge
from kws_edge.types import FloatArray

RATE = 16000


def spoken(
    level: float = 0.2, at: float = 1.4, seconds: float = 0.5, noise_level: float = 1e-4
) -> FloatArray:
    """A take of 3.5 s with a "word": a vowel of some harmonics, from ``at`` (s)."""
    samples = noise(round(3.5 * RATE)) * np.float32(10 * noise_level)
    time = np.arange(round(seconds * RATE)) / RATE
    vowel = sum(np.sin(2 * np.pi * 140 * n * time + n) / n for n in range(1, 20))
    start = round(at * RATE)
    end = min(len(samples), start + len(time))
    samples[max(start, 0) : end] += (level * vowel)[max(-start, 0) : end - start]
    return from_pcm16(to_pcm16(samples))


def only_fault(take: Take) -> str:
    (fault,) = take.faults
    return fault


def test_a_good_take() -> None:
    take = judge(spoken(), "yes")
    assert take.faults == ()
    assert len(take.sample) == RATE
    assert take.measures.word is not None
    assert take.measures.word == pytest.approx((0.25, 0.75), abs=0.03)
    assert -20 < take.measures.level_dbfs < -10
    assert take.measures.noise_dbfs == pytest.approx(-80, abs=2)
    assert take.measures.clipped_share == 0


def test_clipped() -> None:
    fault = only_fault(judge(spoken(level=1.5), "yes"))
    assert fault.startswith("clipped: ")
    assert "lower the gain" in fault


def test_clipped_and_then_turned_down_by_a_mixer() -> None:
    turned_down = np.clip(spoken(level=0.45), -0.6, 0.6) * np.float32(0.4)
    assert only_fault(judge(from_pcm16(to_pcm16(turned_down)), "yes")).startswith("clipped: ")


def test_a_loud_take_is_not_clipped() -> None:
    samples = spoken()
    samples = samples / np.abs(samples).max() * np.float32(0.99)
    assert judge(from_pcm16(to_pcm16(samples)), "yes").faults == ()


def test_silent() -> None:
    fault = only_fault(judge(from_pcm16(to_pcm16(noise(56000) * np.float32(0.01))), "yes"))
    assert fault.startswith("silent: nothing louder than the noise (-60 dBFS)")


@pytest.mark.parametrize("value", [0, 0.1])
def test_a_muted_microphone(value: float) -> None:
    for label in ("yes", "_silence_"):
        assert "is the microphone muted" in only_fault(
            judge(np.full(56000, value, np.float32), label)
        )


def test_too_quiet() -> None:
    fault = only_fault(judge(spoken(level=0.002, noise_level=1e-5), "yes"))
    assert fault.startswith("too quiet: the word is at -5")
    assert f"(at least {LEAST_LEVEL_DBFS:g})" in fault


def test_too_noisy() -> None:
    fault = only_fault(judge(spoken(level=0.1, noise_level=0.025), "yes"))
    assert fault.startswith("too noisy: the word is 1")


@pytest.mark.parametrize(("at", "words"), [(-0.2, "had begun before"), (3.2, "went on at the end")])
def test_cut_off(at: float, words: str) -> None:
    fault = only_fault(judge(spoken(at=at), "yes"))
    assert fault.startswith("cut off: ")
    assert words in fault


def test_too_long() -> None:
    fault = only_fault(judge(spoken(seconds=1.3), "yes"))
    assert fault.startswith("too long: the word lasts 1.3")


def test_another_sound_beside_the_word() -> None:
    twice = spoken(at=1.0, seconds=0.3) + spoken(at=1.55, seconds=0.3)
    assert only_fault(judge(twice, "yes")).startswith("not alone: ")


def test_another_sound_far_from_the_word_is_cut_away() -> None:
    take = judge(spoken(at=0.4, seconds=0.3) + spoken(at=2.2, seconds=0.4), "yes")
    assert take.faults == ()
    assert take.measures.word == pytest.approx((0.3, 0.7), abs=0.03)


def test_lost_samples() -> None:
    fault = only_fault(judge(spoken(), "yes", lost=800))
    assert fault.startswith("dropped: 0.05 s of it never arrived")


def test_silence_needs_no_word_and_takes_the_middle() -> None:
    raw = noise(56000) * np.float32(0.01)
    take = judge(raw, "_silence_")
    assert take.faults == ()
    assert take.measures.word is None
    assert take.measures.level_dbfs == pytest.approx(-60, abs=1)
    np.testing.assert_array_equal(take.sample, raw[20000:36000])
    assert judge(np.sign(raw), "_silence_").faults[0].startswith("clipped: ")
