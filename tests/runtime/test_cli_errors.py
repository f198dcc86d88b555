"""A user's mistakes: one clear line each, the documented exit code, never a traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Command

MakeFile = Callable[[Path, bytes], Path]


def text_wav(folder: Path, _model: bytes) -> Path:
    path = folder / "text.wav"
    path.write_text("this is a text\n" * 20)
    return path


def empty_wav(folder: Path, _model: bytes) -> Path:
    path = folder / "empty.wav"
    soundfile.write(path, np.zeros(0), 16000)
    return path


def no_bytes(folder: Path, _model: bytes) -> Path:
    path = folder / "nothing.wav"
    path.touch()
    return path


def cut_model(folder: Path, model: bytes) -> Path:
    path = folder / "cut.tflite"
    path.write_bytes(model[: len(model) // 2])
    return path


def flipped_model(folder: Path, model: bytes) -> Path:
    path = folder / "flipped.tflite"
    damaged = bytearray(model)
    damaged[len(model) // 3] ^= 4
    path.write_bytes(damaged)
    return path


def plain_model(folder: Path, model: bytes) -> Path:
    path = folder / "plain.tflite"
    path.write_bytes(model[: model.index(b"PK\x03\x04")])
    return path


def a_folder(folder: Path, _model: bytes) -> Path:
    return folder


def nothing(folder: Path, _model: bytes) -> Path:
    return folder / "not-there"


def loop(folder: Path, _model: bytes) -> Path:
    path = folder / "loop.wav"
    path.symlink_to(path)
    return path


@pytest.mark.parametrize(
    ("arguments", "make", "code", "message"),
    [
        (["predict", "{}"], text_wav, 65, "not an audio file that can be read"),
        (["predict", "{}"], empty_wav, 65, "holds no audio (0 samples)"),
        (["predict", "{}"], no_bytes, 65, "not an audio file that can be read"),
        (["predict", "{}"], nothing, 66, "No such file or directory"),
        (["predict", "{}"], a_folder, 66, "no sound files in this folder"),
        (["predict", "{}"], loop, 66, "Too many levels of symbolic links"),
        (["listen", "--input", "{}"], text_wav, 65, "not an audio file that can be read"),
        (["listen", "--input", "{}"], empty_wav, 65, "holds no audio"),
        (["listen", "--input", "{}"], nothing, 66, "No such file or directory"),
        (["listen", "--input", "{}"], a_folder, 66, "is a folder, expected an audio file"),
        (["listen", "--demo", "--labels", "{}"], nothing, 66, "No such file or directory"),
        (["listen", "--demo", "--labels", "{}"], text_wav, 65, "line 1: expected start, end"),
        (["info", "{}"], cut_model, 65, "the file is cut short"),
        (["info", "{}"], flipped_model, 65, "flatbuffer.sha256"),
        (["info", "{}"], plain_model, 65, "a plain TFLite model"),
        (["info", "{}"], text_wav, 65, "not a TFLite model"),
        (["info", "{}"], a_folder, 66, "is a folder, expected a model file"),
        (["info", "{}"], nothing, 66, "No such file or directory"),
        (["check", "--model", "{}"], flipped_model, 65, "the file is damaged"),
        (["bench", "--model", "{}"], cut_model, 65, "the file is cut short"),
        (["listen", "--demo", "--model", "{}"], plain_model, 65, "a plain TFLite model"),
        (["predict", "x.wav", "--model", "{}"], nothing, 66, "No such file or directory"),
    ],
)
def test_files(
    arguments: list[str],
    make: MakeFile,
    code: int,
    message: str,
    tmp_path: Path,
    model_path: Path,
    run_command: Command,
) -> None:
    path = make(tmp_path, model_path.read_bytes())
    result = run_command(*(str(path) if a == "{}" else a for a in arguments))
    one_line(result, code)
    assert str(path) in result.stderr
    assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["info", "hello"], 66, "no model of that name ships (default"),
        (
            ["listen", "--demo", "--threshold", "2"],
            78,
            "--detector-threshold: 2.0 is not within 0 to 1",
        ),
        (
            ["listen", "--demo", "--hop-ms", "-1"],
            78,
            "--detector-hop-ms: -1.0 is not within 1 to 60000 ms",
        ),
    ],
)
def test_settings(arguments: list[str], code: int, message: str, run_command: Command) -> None:
    result = run_command(*arguments)
    one_line(result, code)
    assert message in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["listen", "--pace", "slow"], ["predict"], ["listen", "--demo", "--input", "x"], ["hello"]],
)
def test_usage(arguments: list[str], run_command: Command) -> None:
    result = run_command(*arguments)
    assert result.returncode == 2
    assert "Usage: kws-edge" in result.stderr


def test_a_file_without_permission(word_file: Path, model_path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.tflite"
    secret.write_bytes(model_path.read_bytes())
    # root may read everything, unless it gives that up
    prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    for path in (secret, word_file):
        path.chmod(0)
    for arguments in (["info", secret], ["predict", word_file]):
        result = subprocess.run(
            [
                *(prefix if os.geteuid() == 0 else []),
                *(sys.executable, "-m", "kws_edge", *map(str, arguments)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        one_line(result, 66)
        assert "Permission denied" in result.stderr


def test_no_interpreter_of_that_name(run_command: Command) -> None:
    result = run_command("check", env={**os.environ, "KWS_EDGE_INTERPRETER": "onnx"})
    one_line(result, 69)
    assert "expected one of litert, tflite-runtime" in result.stderr


@pytest.mark.parametrize(
    ("sound", "fault"),
    [(b"\0" * 32001, b"ends within a sample"), (b"", b"standard input: not one sample of audio")],
)
def test_stdin_that_is_cut_or_empty(sound: bytes, fault: bytes) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "kws_edge", "listen", "--input", "-"],
        input=sound,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 65
    assert fault in result.stderr


def test_a_command_that_is_misspelt_is_named(run_command: Command) -> None:
    result = run_command("lisen")
    assert result.returncode == 2
    assert "No such command 'lisen'. Did you mean 'listen'?" in result.stderr


def one_line(result: "subprocess.CompletedProcess[str]", code: int) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("kws-edge: ")]
    assert len(errors) == 1, result.stderr
