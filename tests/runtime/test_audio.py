"""Audio files and samples."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kws_edge.audio.files import (
    audio_files,
    from_pcm16,
    one_window,
    read_audio,
    to_pcm16,
    write_wav,
)
from kws_edge.audio.level import level_dbfs
from kws_edge.audio.resampling import resample
from kws_edge.errors import DataError, MissingFileError


@given(arrays(np.int16, st.integers(0, 200)))
def test_pcm16_there_and_back(samples: np.ndarray) -> None:  # type: ignore[type-arg]
    floats = from_pcm16(samples.astype("<i2").tobytes())
    assert np.all((floats >= -1) & (floats < 1))
    assert np.array_equal(to_pcm16(floats), samples)


def test_beyond_full_scale_is_clipped() -> None:
    assert to_pcm16(np.array([2.0, -2.0, 1.0], np.float32)).tolist() == [32767, -32768, 32767]


def test_level() -> None:
    tone = np.sin(2 * np.pi * np.arange(16000) / 16).astype(np.float32)
    assert level_dbfs(tone) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(np.zeros(10, np.float32)) == -math.inf
    assert level_dbfs(np.zeros(0, np.float32)) == -math.inf


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_any_rate_and_channel_count(suffix: str, rate: int, tmp_path: Path) -> None:
    t = np.arange(rate) / rate
    tone = 0.25 * np.sin(2 * np.pi * 440 * t)
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, np.stack([tone, 0.5 * tone], axis=1), rate)
    samples = read_audio(path, 16000)
    assert samples.dtype == np.float32
    assert len(samples) == 16000
    middle = samples[4000:12000]
    expected = 0.1875 * np.sin(2 * np.pi * 440 * np.arange(4000, 12000) / 16000)
    assert np.max(np.abs(middle - expected)) < 0.01  # Ogg is lossy


def test_resampling_keeps_what_both_rates_can_hold() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000).astype(np.float32)
    back = resample(resample(tone, 48000, 16000), 16000, 48000)
    assert np.max(np.abs(back - tone)[2000:-2000]) < 1e-3


def test_written_and_read_again(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.wav", noise(1000)
    write_wav(path, samples, 16000)
    assert np.max(np.abs(read_audio(path, 16000) - samples)) <= 0.5 / 32768 + 1e-7


def test_one_window_pads_at_the_end_or_takes_the_loudest() -> None:
    short = np.ones(10, np.float32)
    assert one_window(short, 16).tolist() == [1] * 10 + [0] * 6
    long = np.zeros(100, np.float32)
    long[60:70] = 0.5
    assert one_window(long, 10).tolist() == [0.5] * 10


def test_files_of_a_folder_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.ogg", "a.WAV", ".raw/3.wav", "b/.raw/4.wav", "b/.5.wav", "b/notes.txt"):
        path = tmp_path / ".home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder = tmp_path / ".home"  # that the folder itself is hidden was its user's choice
    assert audio_files(folder) == [folder / "a.WAV", folder / "b" / "2.ogg"]
    with pytest.raises(MissingFileError, match="none: no such folder"):
        audio_files(folder / "none")


def test_files_that_are_no_audio(tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("this is not a sound")
    with pytest.raises(DataError, match="not an audio file"):
        read_audio(text, 16000)
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros(0), 16000)
    with pytest.raises(DataError, match="holds no audio"):
        read_audio(empty, 16000)
    with pytest.raises(MissingFileError, match="No such file"):
        read_audio(tmp_path / "none.wav", 16000)
    with pytest.raises(MissingFileError, match="is a folder"):
        read_audio(tmp_path, 16000)
