"""Names of bundled models, and how they go before paths."""

import shutil
from pathlib import Path

import pytest
from conftest import Command

from kws_edge.errors import MissingFileError
from kws_edge.model.file import DEFAULT_MODEL, bundled_models, find_model


def test_a_name_goes_before_a_folder_or_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").mkdir()
    (tmp_path / "mfcc-int8").write_text("not a model")
    assert find_model("default") == bundled_models()[DEFAULT_MODEL]
    assert find_model("mfcc-int8") == bundled_models()["mfcc-int8"]
    assert find_model("./mfcc-int8") == Path("mfcc-int8")


def test_a_folder_stands_for_the_model_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copyfile(bundled_models()["mfcc-int8"], folder / "own.tflite")
    assert find_model(folder) == folder / "own.tflite"
    monkeypatch.chdir(folder)
    assert find_model(".").resolve() == folder / "own.tflite"


@pytest.mark.parametrize("path", ["gone.tflite", "folder/gone", "./gone"])
def test_what_is_written_as_a_path_stays_one(path: str) -> None:
    assert find_model(path) == Path(path)


def test_a_bare_name_that_nothing_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingFileError, match=r"nowhere: .* ships \(.*large-int8, .*small-int8\)"):
        find_model("nowhere")


@pytest.mark.parametrize("suffix", ["", ".tflite"])
@pytest.mark.parametrize("name", ["x" * 300, "x" * 100_000, "a/" * 3000, "a\0b", "a\ud800b"])
def test_a_name_that_no_file_can_have(name: str, suffix: str) -> None:
    with pytest.raises(MissingFileError) as error:
        find_model(name + suffix)
    assert len(str(error.value)) < 100
    assert str(error.value).isprintable()


def test_an_overlong_name_is_one_line_and_exit_code_66(
    run_command: Command, word_file: Path
) -> None:
    done = run_command("predict", "--model", "x" * 5000, word_file)
    assert done.returncode == 66
    assert done.stderr.count("\n") == 1
    assert "File name too long" in done.stderr
