"""docs/models.md is what ``models-page`` makes of the results beside it."""

import shutil
from pathlib import Path

from click.testing import CliRunner

from training.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_page_is_made_of_the_results(tmp_path: Path) -> None:
    shutil.copytree(DOCS / "models", tmp_path / "models", ignore=shutil.ignore_patterns("*.svg"))
    arguments = [
        "models-page",
        str(ROOT / "training" / "configs" / "ablation.yaml"),
        "--results",
        str(tmp_path / "models"),
        "--output",
        str(tmp_path / "models.md"),
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    for name in ("models.md", "models/networks.svg"):
        assert (tmp_path / name).read_bytes() == (DOCS / name).read_bytes(), name
