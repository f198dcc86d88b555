"""The command of the recordings check on files of all kinds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise

from kws_edge.audio.files import write_wav
from training.evaluation.recordings.measures import NAMES


def check_recordings(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "training", "evaluate", "recordings", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Noises as words, of several rates and channel counts, and a folder of another name."""
    path = tmp_path / "mine"
    for label in ("yes", "no", "bird"):
        (path / label).mkdir(parents=True)
        write_wav(path / label / "mono.wav", 0.5 * noise(16000), 16000)
    stereo = np.stack([noise(48000, 1), noise(48000, 2)], axis=1)
    soundfile.write(path / "yes" / "stereo.flac", stereo, 48000)
    write_wav(path / "no" / "telephone.wav", noise(8000, 3), 8000)
    write_wav(path / "no" / "short.wav", noise(50, 4), 16000)
    return path


def test_the_command_writes_a_verdict(folder: Path, tmp_path: Path) -> None:
    result = check_recordings(folder, "--output", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "of 5 clips in" in result.stdout
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert verdict["clips"] == 5
    assert verdict["other_folders"] == {"bird": 1}
    assert verdict["model"] == "default"
    assert {name for s in verdict["samples"] for name in s["measures"]} == set(NAMES)
    page = (tmp_path / "out" / "verdict.md").read_text()
    assert page.startswith("# Recordings check: mine\n")
    for picture in ("confusion.png", "measures.png"):
        assert (tmp_path / "out" / picture).read_bytes()[:4] == b"\x89PNG"
        assert picture in page


def test_a_bad_clip_is_reported_and_the_rest_done(folder: Path, tmp_path: Path) -> None:
    (folder / "yes" / "bad.wav").write_text("not audio")
    (folder / "yes" / os.fsdecode(b"\xff.wav")).write_text("nor is its name text")
    with_nan = np.full(16000, np.nan, np.float32)
    soundfile.write(folder / "yes" / "nan.wav", with_nan, 16000, subtype="FLOAT")
    result = check_recordings(folder, "--output", tmp_path / "out")
    assert result.returncode == 65
    assert "bad.wav: not an audio file" in result.stderr
    assert "nan.wav: found a sample of nan" in result.stderr
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert verdict["unreadable"] == ["yes/bad.wav", "yes/nan.wav", "yes/\udcff.wav"]
    assert r"yes/\udcff.wav" in (tmp_path / "out" / "verdict.md").read_text()
    assert verdict["clips"] == 5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 66, "nowhere: no such folder; expected FOLDER/<label>/*.wav"),
        (["birds"], 65, "birds: found bird, but no folder named after a keyword of the model"),
        (["mine", "--reference", "no.json"], 66, "no.json: No such file"),
        (["mine", "--reference", "bad.json"], 65, "bad.json: not a reference of"),
        (["mine", "--reference", "birds"], 65, "birds: no clips in the validation part"),
        (["mine", "--model", "no.tflite"], 66, "no.tflite"),
        ([], 2, "Missing argument 'FOLDER'"),
    ],
)
def test_faults_of_a_user(
    arguments: list[str],
    code: int,
    message: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "birds" / "bird").mkdir(parents=True)
    # this name's speaker hashes to the training part
    write_wav(tmp_path / "birds" / "bird" / "004ae714_nohash_0.wav", noise(16000), 16000)
    (tmp_path / "bad.json").write_text('{"data": "x", "clips": 3}')
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    result = check_recordings(*arguments)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
