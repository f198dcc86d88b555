"""scripts/structure.py: what it counts, and the limits that this repository keeps."""

import subprocess
from pathlib import Path

import check_tag
import import_graph
import language
import pytest
import structure
from conftest import ROOT


@pytest.fixture(scope="module")
def counts() -> dict[str, structure.Count]:
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    return {count.name: count for count in structure.measure(ROOT)}


@pytest.mark.parametrize("name", structure.LIMITS)
def test_a_limit_is_kept(name: str, counts: dict[str, structure.Count]) -> None:
    count = counts[name]
    shown = "\n".join(count.items[:40])
    assert not count.exceeded, f"{count.value}, at most {structure.LIMITS[name]}\n{shown}"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A checkout of two rooms, tracked by git; ``low`` stands above ``high``."""
    files = {
        "kws_edge/__init__.py": "",
        "kws_edge/low.py": "def late():\n    import kws_edge.high\n",
        "kws_edge/high.py": "from kws_edge import low\n",
        "docs/architecture.md": "### kws_edge\n\n| `low.py` | x |\n| `high.py` | y |\n",
        "docs/curve.svg": "<svg/>",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    track(tmp_path)
    return tmp_path


def track(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run(["git", "-C", folder, "add", "-A"], check=True)


def toy_counts(toy: Path) -> dict[str, structure.Count]:
    track(toy)
    return {count.name: count for count in structure.measure(toy)}


def test_files_and_lines_are_counted(toy: Path) -> None:
    counts = toy_counts(toy)
    assert counts["tracked files"].value == 5
    assert counts["generated files"].items == ["docs/curve.svg"]
    assert counts["lines in them"].value == 3


def test_a_long_function_is_found(toy: Path) -> None:
    body = "    pass\n" * 40
    (toy / "kws_edge" / "low.py").write_text(f"def short():\n{body[9:]}\ndef long():\n{body}")
    assert toy_counts(toy)["functions over 40 lines"].items == ["kws_edge/low.py:42 long: 41 lines"]


def test_a_cycle_runs_when_modules_load(toy: Path) -> None:
    assert toy_counts(toy)["import cycles"].items == []  # one of the two waits for a call
    (toy / "kws_edge" / "low.py").write_text("from kws_edge.high import low\n")
    assert toy_counts(toy)["import cycles"].items == ["kws_edge.high, kws_edge.low"]


def test_an_import_for_types_alone_is_no_dependency(toy: Path) -> None:
    (toy / "kws_edge" / "low.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import kws_edge.high\n"
    )
    counts = toy_counts(toy)
    assert counts["import cycles"].items == []
    assert counts["imports against the order of rooms"].items == []


def test_the_order_of_rooms_holds_within_functions_too(toy: Path) -> None:
    assert toy_counts(toy)["imports against the order of rooms"].items == [
        "kws_edge.low imports kws_edge.high: from a room further down"
    ]


def test_a_room_that_the_page_does_not_list_is_found(toy: Path) -> None:
    (toy / "kws_edge" / "low.py").write_text("")
    (toy / "kws_edge" / "other.py").write_text("import kws_edge.low\n")
    assert toy_counts(toy)["imports against the order of rooms"].items == [
        "kws_edge.other imports kws_edge.low: a room is not listed"
    ]


def test_a_module_with_one_importer_is_named(toy: Path) -> None:
    assert toy_counts(toy)["modules with one importer"].items == [
        "kws_edge.high: kws_edge.low",
        "kws_edge.low: kws_edge.high",
    ]


def test_relative_imports_are_followed(tmp_path: Path) -> None:
    package = tmp_path / "kws_edge" / "sub"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from . import one\n")
    (package / "one.py").write_text("from .two import name\nfrom .. import top\n")
    (package / "two.py").write_text("")
    (package.parent / "top.py").write_text("")
    files = [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*.py"))]
    assert [(one.importer, one.imported) for one in import_graph.find_imports(tmp_path, files)] == [
        ("kws_edge.sub", "kws_edge.sub.one"),
        ("kws_edge.sub.one", "kws_edge.sub.two"),
        ("kws_edge.sub.one", "kws_edge.top"),
    ]


def test_words_that_are_not_used_are_found(toy: Path) -> None:
    (toy / "docs" / "page.md").write_text("The server is " + "to" + "ld.\n")
    (toy / "CHANGELOG.md").write_text("- `field" + "-test` is gone.\n")
    track(toy)
    lines = [line for finding in language.check(toy) for line in finding.lines]
    assert [line.split(":")[:2] for line in lines] == [["docs/page.md", "1"]]


def test_tag_version_and_changelog_are_one(tmp_path: Path) -> None:
    (tmp_path / "kws_edge").mkdir()
    (tmp_path / "kws_edge" / "__init__.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.0 - 2026-11-25\n\n- New.\n")
    assert check_tag.release_notes("v1.2.0", tmp_path) == "- New.\n"
    with pytest.raises(ValueError, match=r"expected tag v1\.2\.0, got v1\.2\.1"):
        check_tag.release_notes("v1.2.1", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("## 1.2\n")
    with pytest.raises(ValueError, match=r"no section '## 1\.2\.0'"):
        check_tag.release_notes("v1.2.0", tmp_path)
