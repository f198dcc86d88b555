"""docs/models.md is what ``models-page`` makes of the results beside it."""

from pathlib import Path

from click.testing import CliRunner

from training.cli import main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def test_the_page_is_made_of_the_results(tmp_path: Path) -> None:
    arguments = ["models-page", str(ROOT / "training" / "configs" / "ablation.yaml"), "--results",
                 str(DOCS / "models"), "--output", str(tmp_path / "models.md")]  # fmt: skip
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    made = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert made
    for name, content in made.items():
        committed = list(DOCS.rglob(name))
        assert [path.read_bytes() for path in committed] == [content], name
