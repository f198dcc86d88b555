"""Effects on training material: what each does, and that a seed gives the same again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import noise

from kws_edge.audio.files import write_wav
from kws_edge.audio.level import LOWEST_DBFS, level_dbfs
from kws_edge.errors import DataError
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.augmentation.channel import CODECS, change_speed, codec, narrow, tilt
from training.data.augmentation.effects import AugmentationConfig, Effects
from training.data.augmentation.noise import (
    add_noise,
    any_noise,
    at_level,
    clicks,
    clip_at,
    coloured,
    crop,
    gain,
    hum,
    speech_level,
    to_steps,
)
from training.data.augmentation.room import image_method, load_rooms, random_room, reverberate
from training.data.augmentation.spectral import Masks, mask, mixup

Drawn = Callable[[int, np.random.Generator], FloatArray]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(hertz: float, seconds: float = 1.0) -> FloatArray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def burst() -> FloatArray:
    """A second of faint noise with a loud third in its middle."""
    samples = noise(RATE) * np.float32(0.001)
    samples[5000:10000] += tone(500)[:5000]
    return samples


def pitch(samples: FloatArray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def power_above(samples: FloatArray, hertz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    return float(spectrum[int(hertz * len(samples) / RATE) :].sum() / spectrum.sum())


def test_a_gain_moves_the_level_of_speech() -> None:
    assert speech_level(burst()) == pytest.approx(-9, abs=0.3)  # of the tone, not of the clip
    assert speech_level(gain(burst(), -20)) == pytest.approx(-29, abs=0.3)
    assert speech_level(np.zeros(RATE, np.float32)) == LOWEST_DBFS


def test_clipping_cuts_at_a_share_of_the_peak() -> None:
    clipped = clip_at(tone(500), 0.5)
    assert np.abs(clipped).max() == pytest.approx(0.25, abs=1e-3)
    assert np.mean(np.abs(clipped) > 0.249) > 0.5


def test_samples_are_what_16_bits_hold() -> None:
    steps = to_steps(tone(500) * np.float32(3)) * 32768
    assert np.array_equal(steps, np.rint(steps))
    assert (steps.min(), steps.max()) == (-32768, 32767)


def test_noise_lies_so_far_below_the_speech() -> None:
    speech, background = burst(), noise(RATE, seed=1)
    added = add_noise(speech, speech_level(speech), background, 15) - speech
    assert level_dbfs(added) == pytest.approx(-9 - 15, abs=0.3)
    assert not at_level(np.zeros(9, np.float32), -20).any()  # silence cannot be made louder


@pytest.mark.parametrize("draw", [coloured, hum, clicks])
def test_noises_by_formula(draw: Drawn) -> None:
    first, again, other = (draw(RATE, generator(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (RATE,)
    assert first.dtype == np.float32
    assert np.abs(first).max() == pytest.approx(1)


def test_hum_is_mains_and_its_harmonics() -> None:
    spectrum = np.abs(np.fft.rfft(hum(RATE, generator()))) ** 2  # bins of 1 Hz
    assert spectrum[50:601:50].sum() + spectrum[60:721:60].sum() > 0.99 * spectrum.sum()


def test_a_background_is_a_stretch_of_a_recording() -> None:
    recording = np.arange(40000, dtype=np.float32)
    stretch = crop(recording, RATE, generator())
    assert np.array_equal(np.diff(stretch), np.ones(RATE - 1))
    assert len(crop(recording[:100], RATE, generator())) == RATE  # repeated
    assert len(any_noise(RATE, [], generator())) == RATE  # by formula where none is recorded


def test_faster_is_shorter_and_higher() -> None:
    faster = change_speed(tone(500), 1.25)
    assert len(faster) == pytest.approx(RATE / 1.25, abs=1)
    assert pitch(faster) == pytest.approx(625, abs=2)


def test_a_room_without_echo_changes_nothing() -> None:
    size, mouth, microphone = np.array([4.0, 3, 2.5]), np.array([1.0, 1, 1]), np.array([3.0, 2, 1])
    response = image_method(size, mouth, microphone, 0.0)
    wet = reverberate(tone(500), response)
    assert np.abs(wet - tone(500))[1600:].max() < 0.2  # the high-pass turns the phase by 18 degrees


def test_the_first_echo_comes_when_geometry_says() -> None:
    """In a large room, of the floor alone within the first ms: mouth and microphone 1 m above it,
    2 m apart, so the echo travels 2 sqrt(2) m."""
    size, mouth, microphone = (
        np.array([40.0, 40, 40]),
        np.array([19.0, 20, 1]),
        np.array([21.0, 20, 1]),
    )
    response = image_method(size, mouth, microphone, 0.9)
    echo = round((2 * np.sqrt(2) - 2) / 343 * RATE)
    assert int(np.argmax(response[10:100])) + 10 == echo
    assert response[echo] == pytest.approx(0.9 / np.sqrt(2), abs=0.05)


def test_rooms_ring_and_keep_the_energy() -> None:
    response = random_room(generator())
    wet = reverberate(burst(), response)
    assert np.sum(wet**2) == pytest.approx(np.sum(burst() ** 2), rel=0.05)
    assert level_dbfs(wet[10200:11000]) > level_dbfs(burst()[10200:11000]) + 20
    assert not np.array_equal(response, random_room(generator(1)))


def test_recorded_rooms_start_with_the_direct_sound(tmp_path: Path) -> None:
    response = np.zeros(4000, np.float32)
    response[[700, 900]] = 0.5, 0.1
    write_wav(tmp_path / "hall.wav", response, RATE)
    (loaded,) = load_rooms(tmp_path)
    assert loaded[0] == 1
    assert loaded[200] == pytest.approx(0.2, abs=1e-3)
    write_wav(tmp_path / "silent.wav", response * 0, RATE)
    with pytest.raises(DataError, match=r"silent\.wav: this impulse response is silent"):
        load_rooms(tmp_path)


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_is_heard_but_not_much(name: str) -> None:
    speech = burst()
    coded = codec(speech, name)
    assert coded.shape == speech.shape
    assert not np.array_equal(coded, speech)
    assert level_dbfs(coded) == pytest.approx(level_dbfs(speech), abs=2)


def test_bands_and_tilts() -> None:
    white = noise(RATE)
    assert power_above(narrow(white, generator()), 7100) < 0.01 < power_above(white, 7100)
    tilted = tilt(white, generator())
    assert tilted.shape == white.shape
    assert level_dbfs(tilted) == pytest.approx(level_dbfs(white), abs=8)


def test_masks_hide_stripes_and_leave_the_rest() -> None:
    features = generator().normal(size=(50, 49, 40)).astype(np.float32)
    masked = mask(features, Masks(1, 10, 1, 8), generator())
    changed = masked != features
    rows, columns = changed.all(axis=2).sum(axis=1), changed.all(axis=1).sum(axis=1)
    assert (rows.max(), columns.max()) <= (10, 8)
    assert rows.max() > 5
    assert columns.max() > 4
    assert masked.dtype == np.float32
    assert np.array_equal(mask(features, Masks(0, 0, 0, 0), generator()), features)


def test_mixup_blends_examples_with_their_targets() -> None:
    features = np.arange(8, dtype=np.float32).reshape(8, 1, 1)
    targets = np.eye(8, dtype=np.float32)
    x, y = mixup(features, targets, 0.4, generator())
    assert np.allclose(y.sum(axis=1), 1)
    assert (y.argmax(axis=1) == np.arange(8)).all()
    assert np.allclose(x[:, 0, 0], y @ np.arange(8))  # in the same shares
    assert mixup(features, targets, 0, generator())[0] is features


def test_the_same_seed_gives_the_same_sound() -> None:
    config = AugmentationConfig(rooms=3, room_share=1, noise_share=1, codec_share=1, tilt_share=1)
    effects = [Effects(config, [noise(3 * RATE)], seed=4) for _ in range(2)]
    one, two = (each.to_speech(burst(), -9, generator(7)) for each in effects)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, effects[0].to_speech(burst(), -9, generator(8)))
    assert one.dtype == np.float32
    assert np.abs(one).max() <= 1


def test_gains_cover_the_range() -> None:
    config = AugmentationConfig(
        rooms=0,
        room_share=0,
        noise_share=0,
        tilt_share=0,
        narrow_share=0,
        codec_share=0,
        clip_share=0,
    )
    effects = Effects(config, [])
    levels = [speech_level(effects.to_speech(burst(), -9, generator(seed))) for seed in range(60)]
    assert max(levels) - min(levels) > 30
