"""Where the word is in a recording, how loud it is, and what is no word."""

from dataclasses import dataclass

import numpy as np
import pytest
from conftest import noise
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.audio.files import from_pcm16, read_audio, to_pcm16
from kws_edge.audio.level import LOWEST_DBFS, clipped_share
from kws_edge.audio.speech_level import cut_frames, measure_speech
from kws_edge.detection.scoring import read_label_track
from kws_edge.errors import ValidationErrors
from kws_edge.model.file import demo_recording
from kws_edge.types import FloatArray

RATE = 16000
TAKE = 2.5  # s
NEAR = 0.020 * RATE
COLOURS = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # amplitude falls with this power of f


@dataclass(frozen=True)
class Spoken:
    """A take with a word of known bounds."""

    samples: FloatArray
    start: int
    end: int


def coloured(colour: str, count: int, rng: np.random.Generator) -> FloatArray:
    """Noise ``[count]`` with a mean square of 1 above 100 Hz, where speech is."""
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum = np.fft.rfft(rng.normal(0, 1, count)) * np.maximum(hertz, 100.0) ** -COLOURS[colour]
    spectrum[hertz < 100] = 0
    samples = np.fft.irfft(spectrum, count)
    return (samples / samples.std()).astype(np.float32)


def segment(kind: str, count: int, rng: np.random.Generator) -> FloatArray:
    """A vowel (harmonics under formants) or a hiss, ``[count]``, mean square 1."""
    if kind == "vowel":
        time, pitch = np.arange(count) / RATE, rng.uniform(100, 250)
        harmonics = np.arange(1, int(4000 / pitch)) * pitch
        weights = sum(1 / (1 + ((harmonics - f) / 150) ** 2) for f in (600, 1300, 2600))
        phases = rng.uniform(0, 2 * np.pi, len(harmonics))
        samples = weights @ np.sin(2 * np.pi * harmonics[:, None] * time + phases[:, None])
    else:
        samples = np.diff(rng.normal(0, 1, count + 1))  # +6 dB an octave, as "s" and "f" have
    return (samples / np.sqrt(np.mean(samples**2))).astype(np.float32)


@st.composite
def takes(draw: st.DrawFn, least_snr_db: float = 10) -> Spoken:
    """One to four segments with closures between; the weakest is ``least_snr_db`` over noise."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts, levels = [], []
    for number in range(draw(st.integers(1, 4))):
        if number:
            parts.append(np.zeros(draw(st.integers(0, round(0.12 * RATE))), np.float32))
        count = draw(st.integers(round(0.08 * RATE), round(0.2 * RATE)))
        levels.append(10 ** (draw(st.floats(-12, 0)) / 20))
        kind = draw(st.sampled_from(["vowel", "hiss"]))
        parts.append(segment(kind, count, rng) * np.float32(levels[-1]))
    word = np.concatenate(parts)
    snr = draw(st.floats(least_snr_db, 60))
    samples = coloured(draw(st.sampled_from(sorted(COLOURS))), round(TAKE * RATE), rng)
    samples *= min(levels) / 10 ** (snr / 20)
    start = draw(st.integers(round(0.05 * RATE), len(samples) - len(word) - round(0.05 * RATE)))
    samples[start : start + len(word)] += word
    return Spoken(0.5 * samples / np.abs(samples).max(), start, start + len(word))


@settings(max_examples=150, deadline=None)
@given(takes())
def test_a_word_is_found_within_20_ms_at_10_db_over_the_noise_or_more(take: Spoken) -> None:
    found = measure_speech(take.samples, RATE)
    (sound,) = found.sounds
    assert found.word is sound
    assert sound.start == pytest.approx(take.start, abs=NEAR)
    assert sound.end == pytest.approx(take.end, abs=NEAR)


@settings(max_examples=60, deadline=None)
@given(takes(), st.integers(1, 9), st.booleans())
def test_the_bounds_do_not_depend_on_the_gain(take: Spoken, halvings: int, inverted: bool) -> None:
    gain = np.float32((-1 if inverted else 1) * 0.5**halvings)
    expected, found = (measure_speech(g * take.samples, RATE) for g in (np.float32(1), gain))
    assert found.bounds == expected.bounds
    if found.noise_dbfs > LOWEST_DBFS:  # below, rounding to 16 bits hides it
        assert found.snr_db == pytest.approx(expected.snr_db, abs=0.01)
        level_dbfs = expected.level_dbfs - 6.0206 * halvings
        assert found.level_dbfs == pytest.approx(level_dbfs, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(takes(), st.floats(-0.3, 0.3), st.floats(0, 0.1), st.sampled_from([20, 50, 60]))
def test_offset_hum_and_rumble_change_little(
    take: Spoken, offset: float, hum: float, hertz: int
) -> None:
    seconds = np.arange(len(take.samples)) / RATE
    disturbed = take.samples + offset + hum * np.sin(2 * np.pi * hertz * seconds)
    word = measure_speech(disturbed.astype(np.float32), RATE).word
    assert word is not None
    assert word.start == pytest.approx(take.start, abs=2 * NEAR)
    assert word.end == pytest.approx(take.end, abs=2 * NEAR)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    closure_s=st.floats(0.03, 0.28),
    burst_s=st.floats(0.015, 0.09),
    below_db=st.floats(10, 32),
)
def test_a_final_plosive_belongs_to_the_word(
    seed: int, closure_s: float, burst_s: float, below_db: float
) -> None:
    """A weak burst of noise after silence, as the "p" of "up" and the "t" of "left"."""
    rng = np.random.default_rng(seed)
    burst = segment("hiss", round(burst_s * RATE), rng) * np.float32(10 ** (-below_db / 20))
    parts = [segment("vowel", 3200, rng), np.zeros(round(closure_s * RATE), np.float32), burst]
    word = np.concatenate(parts) * np.float32(0.1)
    samples = coloured("pink", 3 * RATE, rng) * np.float32(0.1 * 10 ** (-(below_db + 12) / 20))
    samples[RATE : RATE + len(word)] += word
    found = measure_speech(samples, RATE).bounds
    assert found == pytest.approx((RATE, RATE + len(word)), abs=NEAR)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), onset_s=st.floats(0.04, 0.15), below_db=st.floats(10, 30))
def test_a_weak_fricative_at_the_beginning_belongs_to_the_word(
    seed: int, onset_s: float, below_db: float
) -> None:
    """As the "f" of "five" and the "s" of "stop", with a closure after the latter."""
    rng = np.random.default_rng(seed)
    closure = np.zeros(int(rng.integers(0, 600)), np.float32)
    onset = segment("hiss", round(onset_s * RATE), rng) * np.float32(10 ** (-below_db / 20))
    word = np.concatenate([onset, closure, segment("vowel", 3200, rng)]) * np.float32(0.1)
    samples = coloured("pink", 2 * RATE, rng) * np.float32(0.1 * 10 ** (-(below_db + 10) / 20))
    samples[RATE // 2 : RATE // 2 + len(word)] += word
    found = measure_speech(samples, RATE).bounds
    assert found == pytest.approx((RATE // 2, RATE // 2 + len(word)), abs=NEAR)


def spoken_at(*places: tuple[float, float], seconds: float = 3.0) -> FloatArray:
    """Vowels in faint noise, each from a time to a time in s."""
    samples = noise(round(seconds * RATE)) * np.float32(1e-3)
    for number, (start, end) in enumerate(places):
        rng = np.random.default_rng(number)
        count = round((end - start) * RATE)
        samples[round(start * RATE) : round(start * RATE) + count] += np.float32(0.1) * segment(
            "vowel", count, rng
        )
    return samples


def click(at_s: float, total: int, amplitude: float = 0.9) -> FloatArray:
    samples = np.zeros(total, np.float32)
    time = np.arange(320) / RATE
    start = round(at_s * RATE)
    samples[start : start + 320] = (
        amplitude * np.exp(-time / 0.002) * np.sin(2 * np.pi * 2000 * time)
    )
    return samples


def test_a_click_is_no_word() -> None:
    samples = noise(2 * RATE) * np.float32(1e-3)
    assert measure_speech(samples + click(1.0, len(samples)), RATE).word is None


@pytest.mark.parametrize("at_s", [0.3, 0.8, 1.9, 2.5])
def test_a_click_far_from_the_word_does_not_belong_to_it(at_s: float) -> None:
    samples = spoken_at((1.0, 1.5))
    found = measure_speech(samples + click(at_s, len(samples)), RATE).bounds
    assert found == pytest.approx((RATE, 1.5 * RATE), abs=NEAR)


def test_a_pause_separates_and_a_closure_does_not() -> None:
    closure = measure_speech(spoken_at((1.0, 1.2), (1.35, 1.6)), RATE)
    assert closure.bounds == pytest.approx((RATE, 1.6 * RATE), abs=NEAR)
    pause = measure_speech(spoken_at((1.0, 1.2), (1.5, 1.8)), RATE)
    assert len(pause.sounds) == 2
    assert pause.bounds == pytest.approx((1.5 * RATE, 1.8 * RATE), abs=NEAR)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_is_no_word(colour: str, seed: int) -> None:
    samples = coloured(colour, round(3.5 * RATE), np.random.default_rng(seed))
    found = measure_speech(np.float32(0.05) * samples, RATE)
    assert found.word is None
    assert found.bounds == (0, len(samples))
    assert found.noise_dbfs == pytest.approx(20 * np.log10(0.05), abs=1.5)  # it wavers


@pytest.mark.parametrize("value", [0.0, 0.25])
@pytest.mark.parametrize("count", [1, 100, 255, 256, 1600, 16000])
def test_silence_and_constants_are_no_word_at_any_length(value: float, count: int) -> None:
    found = measure_speech(np.full(count, value, np.float32), RATE)
    assert found.word is None
    assert found.bounds == (0, count)
    assert found.level_dbfs == pytest.approx(LOWEST_DBFS)
    assert np.isfinite([found.noise_dbfs, found.snr_db, found.threshold_dbfs]).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4000), st.integers(0, 2**32 - 1), st.sampled_from([8000, 16000, 48000]))
def test_short_clips_have_bounds_and_finite_levels(count: int, seed: int, rate: int) -> None:
    rng = np.random.default_rng(seed)
    samples = (rng.normal(0, 0.1, count) * rng.random(count) ** 4).astype(np.float32)
    found = measure_speech(samples, rate)
    start, end = found.bounds
    assert 0 <= start < end <= count
    assert found.active.any()
    assert found.active.shape == found.frame_dbfs.shape == (len(cut_frames(samples, rate)),)
    assert np.isfinite([found.level_dbfs, found.noise_dbfs, found.snr_db]).all()


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.8])
def test_a_word_without_a_pause_around_it_is_the_whole_clip(seconds: float) -> None:
    samples = spoken_at((0.0, seconds), seconds=seconds)
    assert measure_speech(samples, RATE).bounds == (0, len(samples))
    assert measure_speech(samples, RATE).level_dbfs == pytest.approx(-20, abs=0.5)


def test_a_word_that_the_clip_cuts_off_goes_to_its_end() -> None:
    beginning, end = spoken_at((0.0, 0.4), seconds=1.0), spoken_at((0.6, 1.0), seconds=1.0)
    assert measure_speech(beginning, RATE).bounds == pytest.approx((0, 0.4 * RATE), abs=NEAR)
    assert measure_speech(end, RATE).bounds == pytest.approx((0.6 * RATE, RATE), abs=NEAR)
    assert measure_speech(beginning, RATE).bounds[0] == 0
    assert measure_speech(end, RATE).bounds[1] == RATE


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_any_sample_rate(rate: int) -> None:
    time = np.arange(rate) / rate
    tones = sum(np.sin(2 * np.pi * hertz * time) for hertz in (310, 930, 2130))
    inside = (time >= 0.3) & (time < 0.7)
    samples = 0.1 * tones * inside + np.random.default_rng(1).normal(0, 1e-4, rate)
    start, end = measure_speech(samples.astype(np.float32), rate).bounds
    assert (start / rate, end / rate) == pytest.approx((0.3, 0.7), abs=0.02)


@pytest.mark.parametrize("snr_db", [5, 10, 20, 40])
def test_levels_are_those_of_the_signal(snr_db: float) -> None:
    samples = spoken_at((1.0, 1.5)) + noise(3 * RATE, 9) * np.float32(10 ** (-snr_db / 20))
    found = measure_speech(samples, RATE)
    assert found.noise_dbfs == pytest.approx(-20 - snr_db, abs=0.7)
    assert found.snr_db == pytest.approx(snr_db, abs=1.0)


def test_samples_of_another_form_are_refused_by_name() -> None:
    with pytest.raises(ValidationErrors, match=r"one channel \[n\], found \(100, 2\)"):
        measure_speech(np.zeros((100, 2), np.float32), RATE)
    with pytest.raises(ValidationErrors, match="at least one, found none"):
        measure_speech(np.zeros(0, np.float32), RATE)
    with pytest.raises(ValidationErrors, match="found int16"):
        measure_speech(np.zeros(100, np.int16), RATE)
    with pytest.raises(ValidationErrors, match="not finite"):
        measure_speech(np.full(100, np.nan, np.float32), RATE)


def test_spoken_words_are_found_where_they_were_marked() -> None:
    """The label track was measured before the track was rounded to 16 bits."""
    samples = read_audio(demo_recording(), RATE)
    spoken = read_label_track(demo_recording().with_suffix(".labels.txt"))
    sounds = measure_speech(samples, RATE).sounds
    assert len(sounds) == len(spoken)
    for sound, word in zip(sounds, spoken, strict=True):
        assert sound.start / RATE == pytest.approx(word.start, abs=0.02), word
        assert sound.end / RATE == pytest.approx(word.end, abs=0.02), word


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.9), st.sampled_from([60, 110, 440, 3000]))
def test_smooth_sound_is_never_taken_for_clipped(seed: int, level: float, hertz: float) -> None:
    rng = np.random.default_rng(seed)
    tone = np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE + rng.uniform(0, 6))
    samples = level * tone + rng.normal(0, 1e-4, RATE)
    assert clipped_share(from_pcm16(to_pcm16(samples.astype(np.float32)))) <= 0.001


@settings(max_examples=50, deadline=None)
@given(st.floats(1.2, 10))
def test_the_clipped_share_is_that_of_the_samples_cut_off(excess: float) -> None:
    tone = excess * np.sin(2 * np.pi * 220.3 * np.arange(RATE) / RATE)
    share = clipped_share(from_pcm16(to_pcm16(tone.astype(np.float32))))
    assert share == pytest.approx(np.mean(np.abs(tone) >= 1), abs=0.005)
