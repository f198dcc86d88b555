"""Each measure on signals of which it is known; the degradations do what they say."""

import numpy as np
import pytest
from conftest import noise
from degradations import clipped, cut, distant, narrow, noisy, offset, quieter

from kws_edge.audio.level import LOWEST_DBFS
from kws_edge.audio.resampling import resample
from kws_edge.audio.speech_level import measure_speech
from kws_edge.types import FloatArray
from training.evaluation.recordings.measures import NAMES, as_numbers, measure


def word(
    start_s: float = 0.3, length_s: float = 0.4, amplitude: float = 0.1, noise_rms: float = 0.0001
) -> FloatArray:
    """1 s with a stretch of tones up to 5 kHz in white noise; the tones' RMS is ``amplitude``."""
    t = np.arange(16000) / 16000
    tones = sum(np.sin(2 * np.pi * hertz * t) for hertz in (310, 930, 2130, 5010))
    inside = (t >= start_s) & (t < start_s + length_s)
    background = np.random.default_rng(1).normal(0, noise_rms, 16000)
    return (amplitude / np.sqrt(2) * tones * inside + background).astype(np.float32)


@pytest.mark.parametrize("amplitude", [0.3, 0.01, 0.003])
def test_level_is_that_of_the_speech_alone(amplitude: float) -> None:
    found = measure(word(amplitude=amplitude))
    assert found.level_dbfs == pytest.approx(20 * np.log10(amplitude), abs=0.5)
    assert found.noise_dbfs == pytest.approx(-80, abs=0.7)


@pytest.mark.parametrize("snr_db", [0, 5, 10, 20, 40])
def test_signal_to_noise(snr_db: float) -> None:
    clean = word(noise_rms=1e-6)
    found = measure(noisy(clean, noise(32000), snr_db, seed=3))
    assert found.snr_db == pytest.approx(snr_db, abs=1.5)


def test_no_signal_to_noise_without_a_pause() -> None:
    found = measure(word()[4800:11200])
    assert found.snr_db is None
    assert found.noise_dbfs is None
    assert found.level_dbfs == pytest.approx(-20, abs=0.5)


def test_share_of_clipped_samples_is_counted_before_resampling() -> None:
    t = np.arange(48000) / 48000
    sine = (2 * np.sin(2 * np.pi * 100 * t)).astype(np.float32)
    recorded = clipped(sine, 0)
    share = 1 - 2 / np.pi * np.arcsin(1 / 2)  # of a sine of amplitude 2 beyond 1
    assert measure(resample(recorded, 48000, 16000), recorded).clipped_share == pytest.approx(
        share, abs=0.005
    )
    assert measure(word()).clipped_share == 0


@pytest.mark.parametrize("decay_s", [0.2, 0.5, 0.8])
def test_decay_by_formula(decay_s: float) -> None:
    t = np.arange(16000) / 16000
    tail = np.where(t < 0.3, 1, 10 ** (-3 * (t - 0.3) / decay_s))
    found = measure((0.2 * np.sin(2 * np.pi * 1000 * t) * tail).astype(np.float32)).decay_ms
    assert found == pytest.approx(1000 * decay_s, rel=0.02)


def test_decay_of_a_room() -> None:
    """Reads low, as its docstring says, but rises with the room's own."""
    found = [measure(distant(word(0.1, 0.3), s, -6, seed=1)).decay_ms for s in (0.3, 0.5, 0.8)]
    dry = measure(word()).decay_ms
    assert dry is not None
    assert dry < 110  # a fit over 80 ms reads no less
    for decay_s, value in zip((0.3, 0.5, 0.8), found, strict=True):
        assert value is not None
        assert 500 * decay_s < value < 1100 * decay_s
    assert found == sorted(found, key=lambda value: value or 0)


def test_decay_is_not_measured_in_noise() -> None:
    assert measure(noisy(word(), noise(32000), 10, seed=1)).decay_ms is None
    assert measure(word()[:1000]).decay_ms is None


@pytest.mark.parametrize("start_s", [0.0, 0.2, 0.6])
def test_position_is_the_middle_of_the_word(start_s: float) -> None:
    assert measure(word(start_s)).position == pytest.approx(start_s + 0.2, abs=0.015)
    assert measure(word(start_s), window_s=2.0).position == pytest.approx(
        start_s / 2 + 0.1, abs=0.01
    )


def test_a_word_is_cut_where_an_end_of_the_clip_is_speech() -> None:
    assert measure(word()).edge_db < -10
    assert measure(word(0.0)).edge_db > 10
    assert measure(word(0.6)).edge_db > 10
    assert measure(cut(word())).edge_db > 10
    assert measure(noise(16000)).edge_db < 2  # there is no word in it


def test_of_a_longer_clip_the_loudest_window_counts() -> None:
    silence = np.zeros(20000, np.float32)
    found = measure(np.concatenate([silence, word(), silence]))
    assert found.duration_s == 3.5
    assert found.level_dbfs == pytest.approx(measure(word()).level_dbfs, abs=0.1)


def test_power_above_4_khz() -> None:
    assert measure(word()).high_band_db == pytest.approx(-6, abs=0.2)  # one tone of four
    assert measure(narrow(word())).high_band_db < -60


def test_offset_is_a_mean_that_stays() -> None:
    assert measure(offset(word(), 0.05)).dc_offset == pytest.approx(0.05, abs=0.002)
    rumble = 0.1 * np.sin(2 * np.pi * 1.5 * np.arange(16000) / 16000).astype(np.float32)
    assert measure(word() + rumble).dc_offset == 0
    # it is not sound: the level stays
    with_offset, without = measure(offset(word(), 0.05)), measure(word())
    assert with_offset.level_dbfs == pytest.approx(without.level_dbfs, abs=0.01)


def test_gain_changes_the_level_alone() -> None:
    before, after = as_numbers(measure(word())), as_numbers(measure(quieter(word(), -12)))
    changed = {name for name in NAMES if before[name] != after[name]}
    assert changed == {"level_dbfs", "noise_dbfs"}
    assert before["level_dbfs"] == pytest.approx(after["level_dbfs"] + 12, abs=0.11)  # type: ignore[operator]


@pytest.mark.parametrize("samples", [1, 100, 400, 16000])
def test_silence_and_scraps_have_finite_measures(samples: int) -> None:
    found = measure(np.zeros(samples, np.float32))
    assert found.level_dbfs == LOWEST_DBFS
    values = [value for value in as_numbers(found).values() if value is not None]
    assert np.all(np.isfinite(values))


def test_a_pause_before_a_plosive_belongs_to_the_word_and_a_click_far_off_does_not() -> None:
    clip = word(0.3, 0.2) + word(0.6, 0.1)
    assert measure_speech(clip, 16000).bounds == pytest.approx((4800, 11200), abs=320)
    click = word(0.05, 0.02, 0.1) + word(0.5, 0.3)
    assert measure_speech(click, 16000).bounds[0] == pytest.approx(8000, abs=320)
