"""Hard negatives: what a model fires on becomes material for its next training."""

import csv
import shutil
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner

from training.cli import main

ROOT = Path(__file__).parents[2]


def mine(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["mine", "mfcc-int8", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """The demo's words as if none of them were a keyword."""
    folder = tmp_path / "speech"
    folder.mkdir()
    shutil.copy(ROOT / "recordings" / "demo.wav", folder / "anna_nohash_0.wav")
    return folder


def test_what_a_model_fires_on_is_kept_with_its_source_and_once(
    speech: Path, tmp_path: Path
) -> None:
    output = tmp_path / "mined"
    first = mine(speech, "--output", output)
    with (output / "mined.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 5
    assert f" of 1 recordings, {len(rows)} new" in first
    for row in rows:
        clip = output / row["clip"]
        assert clip.parent.name == row["word"]
        assert clip.name.startswith("anna_nohash_")
        assert Path(row["source"]).name == "anna_nohash_0.wav"
        assert soundfile.info(clip).duration == pytest.approx(1.3, abs=0.3)  # window and smoothing
    again = mine(speech, "--output", output)
    assert again.startswith(first.split(" of ")[0])  # as many false accepts
    assert " 0 new" in again


def test_a_stretch_holds_what_the_model_fired_on(speech: Path, tmp_path: Path) -> None:
    mine(speech, "--output", tmp_path / "mined")
    count = mine(tmp_path / "mined", "--output", tmp_path / "again").split()[1]
    with (tmp_path / "mined" / "mined.csv").open() as file:
        words = [row["word"] for row in csv.DictReader(file)]
    assert count == "0"  # folders named as keywords are passed over
    for folder in (tmp_path / "mined").iterdir():
        if folder.is_dir():
            folder.rename(folder.with_name(f"not-{folder.name}"))
    third = mine(tmp_path / "mined", "--output", tmp_path / "third")
    assert int(third.split()[1]) >= len(words)


def test_a_threshold_that_no_score_reaches_keeps_nothing(speech: Path, tmp_path: Path) -> None:
    assert " 0 new" in mine(speech, "--output", tmp_path / "mined", "--threshold", "1")
    assert not (tmp_path / "mined").exists()
