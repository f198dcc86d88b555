"""Names of bundled models, and how they go before paths."""

import shutil
from pathlib import Path

import pytest

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
    with pytest.raises(MissingFileError, match=r"nowhere: .* ships \(large-int8, .*small-int8\)"):
        find_model("nowhere")
