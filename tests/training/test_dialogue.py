"""Running speech from a game's dialogue: its archive read, lines with a keyword left out."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from word_clips import training

from kws_edge.audio.files import read_audio
from kws_edge.types import FloatArray

av = pytest.importorskip("av", reason="needs PyAV (pip install '.[training]')")
RATE = 16000


def mp3(hertz: float, seconds: float) -> bytes:
    """A tone at 11,025 Hz, as the game has its voices."""
    times = np.arange(round(seconds * 11025)) / 11025
    values = np.round(9000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)[None]
    content = io.BytesIO()
    with av.open(content, "w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=11025)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(values, format="s16p", layout="mono")
        frame.rate = 11025
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return content.getvalue()


def strings(lines: dict[int, str]) -> bytes:
    packed = b""
    for number, text in lines.items():
        packed += struct.pack(">HB", number, len(text)) + text.encode()
        packed += b"\0" * (1 + len(packed) % 2)
    return packed


def dialogue(number: int, hero: dict[int, str], others: dict[int, str]) -> bytes:
    said = strings(hero)
    numbers = [0] * 12
    numbers[2], numbers[11] = number, 24 + len(said)
    return bytes(20) + struct.pack(">12H", *numbers) + said + strings(others)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    files = {
        "BOB1.DOG": dialogue(
            6, {30: "Nice hat.*01Is it old?"}, {30: "Thank you.*02Go away!*03", 31: "Yes."}
        ),
        "06S01EJ1.SB": mp3(500, 1),  # a name that nothing is known of
        "06001EJ1.SB": mp3(700, 3),
        "06001EJ2.SB": mp3(900, 3),
        "06001EP1.SB": mp3(1100, 3),
        "06001EP2.SB": mp3(1300, 3),  # a keyword in this part alone
        "06001FP1.SB": mp3(1500, 3),  # a keyword
        "060020P1.SB": mp3(1700, 3),  # no text
        "C10A.CUT": b"\0\0\x05Look there!*02Stop!\0",
        "C10A_011.SB": mp3(1900, 3),  # a scene that holds one somewhere
        "C10B.CUT": b"\0\0\x05Look there!\0",
        "C10B_011.SB": mp3(2100, 3),
    }
    table, body = b"", b""
    start = 15 + 21 * len(files)
    for name, content in files.items():
        table += struct.pack(">12sBII", name.encode(), 1, start + len(body), len(content))
        body += content
    path = tmp_path / "queen.1c"
    path.write_bytes(b"QTBLCEM10\0\0\0\1" + struct.pack(">H", len(files)) + table + body)
    return path


def tones_of(samples: FloatArray) -> list[int]:
    loudest = np.abs(np.fft.rfft(samples))
    return [
        hertz
        for hertz in range(500, 2200, 200)
        if loudest[round(hertz * len(samples) / RATE)] > 500
    ]


def test_lines_without_keywords_by_who_says_them(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "dialogue"
    result = training("data", "dialogue", output, "--archive", archive)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{output}: 3 recordings\n"
    found = {path.name: tones_of(read_audio(path, RATE)) for path in output.iterdir()}
    assert found == {
        "queen06J_nohash_0.wav": [700, 900],
        "queen06P_nohash_0.wav": [1100],
        "queenC10B_nohash_0.wav": [2100],
    }


def test_the_words_are_a_choice(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "dialogue"
    training("data", "dialogue", output, "--archive", archive, "--word", "hat")
    found = {path.name: tones_of(read_audio(path, RATE)) for path in output.iterdir()}
    assert found["queen06J_nohash_0.wav"] == [900]
    assert found["queen06P_nohash_0.wav"] == [1100, 1300, 1500]
    assert found["queenC10A_nohash_0.wav"] == [1900]


def test_the_upper_band_has_the_envelope_of_the_one_below() -> None:
    from training.data.sources.game_dialogue import fill_upper_band

    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(2 * RATE))
    spectrum[8000:] = 0  # nothing above 4 kHz
    samples = 0.1 * np.fft.irfft(spectrum).astype(np.float32)
    samples[RATE:] = 0
    filled = fill_upper_band(samples, -6.0, rng)
    power = np.abs(np.fft.rfft(filled[:RATE])) ** 2
    assert np.abs(np.fft.rfft(samples[:RATE])[4200:]).max() < 1  # there was nothing
    # 1400 Hz below and 4000 above share one power but for the 6 dB
    level = 10 * np.log10(power[4050:].sum() / power[2500:3900].sum())
    assert level == pytest.approx(-6, abs=0.7)
    np.testing.assert_allclose(
        power[:3900], np.abs(np.fft.rfft(samples[:RATE])[:3900]) ** 2, rtol=0.05, atol=20
    )
    assert np.abs(filled[RATE + 1600 : -1600]).max() < 0.01 * filled.max()  # silence stays so


def test_what_is_missing_or_another_file_is_named(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "dialogue"
    result = training("data", "dialogue", output, "--archive", tmp_path / "none.1c")
    assert result.returncode == 66
    assert "none.1c: No such file or directory; apt install flight-of" in result.stderr
    for content in (b"", b"QTBL", archive.read_bytes()[:100], b"RIFF" + archive.read_bytes()[4:]):
        archive.write_bytes(content)
        result = training("data", "dialogue", output, "--archive", archive)
        assert result.returncode == 65
        assert f"{archive}: not the archive of Flight of the Amazon Queen" in result.stderr
    assert not output.exists()
