"""Running speech from prompts: decoded, joined, without what holds a keyword."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from word_clips import training

from kws_edge.audio.files import read_audio
from kws_edge.types import FloatArray

av = pytest.importorskip("av", reason="needs PyAV (pip install '.[training]')")
RATE = 16000


def write_g722(path: Path, samples: FloatArray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="g722") as file:
        stream = file.add_stream("g722", rate=RATE)
        stream.layout = "mono"
        values = np.round(samples * 2**15).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(values, format="s16", layout="mono")
        frame.rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)


def tone(hertz: float, seconds: float) -> FloatArray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(
        np.float32
    )


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Six prompts of a voice, 4 s each but one, and the texts of five of them."""
    folder = tmp_path / "xx_YY_f_Ann"
    for number, name in enumerate(["hello", "goodbye", "digits/one", "vm-stop", "untold"]):
        write_g722(folder / f"{name}.g722", tone(400 + 200 * number, 4))
    write_g722(folder / "beep.g722", tone(3000, 0.5))
    texts = (
        "; a comment: no prompt\nhello: Hello there.\ngoodbye: Good-bye, nobody.\n"
        "digits/one: one\nvm-stop: Press one to STOP.\nbeep: [a beep]\n"
    )
    (tmp_path / "texts.gz").write_bytes(gzip.compress(texts.encode()))
    return folder


def test_joined_without_keywords(sounds: Path, tmp_path: Path) -> None:
    output = tmp_path / "prompts"
    result = training("data", "prompts", output, sounds, "--texts", tmp_path / "texts.gz")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"xx_YY_f_Ann: 1 recordings in {output}\n"
    (path,) = output.iterdir()
    assert path.name == "xx_YY_f_Ann_nohash_0.wav"
    samples = read_audio(path, RATE)
    assert len(samples) / RATE == pytest.approx(3 * 4 + 0.5 + 4 * 0.4, abs=0.01)
    loudest = np.abs(np.fft.rfft(samples))
    for number, hertz in enumerate((400, 600, 800, 1000, 1200, 3000)):
        level = loudest[round(hertz * len(samples) / RATE)]
        # "stop" is a keyword, and nobody knows what the one without a text says
        assert (level > 500) == (number not in (3, 4))
    assert np.abs(samples).max() == pytest.approx(0.3, abs=0.05)


def test_long_ones_alone_and_other_words(sounds: Path, tmp_path: Path) -> None:
    given = ("--texts", tmp_path / "texts.gz", "--least-seconds", 2, "--word", "hello")
    training("data", "prompts", tmp_path / "prompts", sounds, *given)
    (path,) = (tmp_path / "prompts").iterdir()
    assert len(read_audio(path, RATE)) / RATE == pytest.approx(3 * 4.4, abs=0.01)


def test_what_is_missing_is_named(sounds: Path, tmp_path: Path) -> None:
    output = tmp_path / "prompts"
    result = training("data", "prompts", output, sounds, "--texts", tmp_path / "none.gz")
    assert result.returncode == 66
    assert "none.gz: No such file or directory; apt install asterisk" in result.stderr
    result = training(
        "data", "prompts", output, tmp_path / "empty", "--texts", tmp_path / "texts.gz"
    )
    assert result.returncode == 65
    assert "no .g722 files" in result.stderr
    bad = tmp_path / "texts.gz"
    bad.write_text("not gzip")
    result = training("data", "prompts", output, sounds, "--texts", bad)
    assert result.returncode == 65
    assert "texts.gz: not a gzip file" in result.stderr
