"""The study in docs/study is what the report makes of the results beside it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from training.cli import main

STUDY = Path(__file__).parents[2] / "docs" / "study"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("study")
    arguments = ["report", "--results", str(STUDY / "results"), "--output", str(output)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return output


def test_the_pages_are_made_of_the_results(made: Path) -> None:
    committed = {p.name: p.read_bytes() for p in STUDY.iterdir() if p.is_file()}
    assert {p.name: p.read_bytes() for p in made.iterdir()} == committed


def test_nothing_is_missing(made: Path) -> None:
    text = (made / "README.md").read_text()
    assert "Incomplete" not in text
    assert "not complete" not in text
    assert "has not been read" not in text
