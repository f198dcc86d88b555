"""The page and its Markdown, through the command."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from study_world import make_study

pytest.importorskip("optuna", reason="needs the extra 'training'")

VOID = {"meta"}


def report(results: Path, output: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "training",
            "report",
            "--results",
            str(results),
            "--output",
            str(output),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("results"), searched=2, limit=9)


@pytest.fixture(scope="module")
def output(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "study"
    made = report(results, folder)
    assert made.returncode == 0, made.stderr
    assert "planned runs are there" in made.stdout
    return folder


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order; no id stands twice."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.seen.append(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("src", "href", "action", "data", "srcset") and value:
                self.addresses.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_sound_and_asks_for_nothing(output: Path) -> None:
    text = (output / "index.html").read_text()
    page = Balanced()
    page.feed(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.addresses == []
    elsewhere = re.findall(r"(?:https?:)?//[a-z][^\s\"')]+", text.replace("//www.w3.org", ""))
    assert elsewhere == []
    assert "@import" not in text
    assert "url(" not in text
    assert page.seen.count("caption") == page.seen.count("table") >= 7
    assert page.seen.count("figcaption") == page.seen.count("figure") >= 6
    assert text.count('role="img" aria-label="') == page.seen.count("figure")


def test_every_configuration_is_in_its_table(output: Path, results: Path) -> None:
    text = (output / "index.html").read_text()
    for kind in ("mfcc", "log_mel", "spectrogram"):
        table = text.partition(f'<table id="runs-{kind}"')[2].partition("</table>")[0]
        runs = list((results / "runs").glob(f"{kind}-*.json"))
        assert table.count("<tr>") == len(runs) + 1  # and the titles


def test_markdown_says_the_same_with_pictures_that_are_there(output: Path) -> None:
    text = (output / "README.md").read_text()
    page = (output / "index.html").read_text()
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+\.svg)\)", text)
    assert len(pictures) == page.count("<figure>")
    for name in pictures:
        root = ElementTree.fromstring((output / name).read_text())  # noqa: S314 - made here
        assert root.tag.endswith("svg")
        assert root.find("{http://www.w3.org/2000/svg}title") is not None
    for title in re.findall(r"<h[23]>([^<]+)</h", page):
        assert f"# {title.replace('&#x27;', chr(39))}" in text
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| no.")}
    assert len(widths) == 1


def test_made_again_it_is_the_same(output: Path, results: Path, tmp_path: Path) -> None:
    assert report(results, tmp_path).returncode == 0
    for path in output.iterdir():
        assert path.read_text() == (tmp_path / path.name).read_text(), path.name


def test_no_results_are_one_line(tmp_path: Path) -> None:
    absent = report(tmp_path / "nowhere", tmp_path)
    assert (absent.returncode, absent.stderr.count("\n")) == (66, 1)
    empty = report(tmp_path, tmp_path / "out")
    assert (empty.returncode, empty.stderr.count("\n")) == (65, 1)
    assert "no finished trial; make some with" in empty.stderr
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    make_study(tmp_path, sweeps=("mfcc",), searched=0, limit=1)
    broken = next((tmp_path / "models").glob("*.json"))
    broken.write_text(broken.read_text().replace('"size_kb"', '"size"'))
    result = report(tmp_path, tmp_path / "out")
    assert result.returncode == 65
    assert result.stderr.count("\n") == 1
    assert f"{broken.name}: size: unknown, did you mean size_kb?" in result.stderr


def test_a_sweep_s_configuration_is_needed(tmp_path: Path) -> None:
    make_study(tmp_path, sweeps=("mfcc",), searched=0, limit=1, models=False)
    (tmp_path / "mfcc.yaml").unlink()
    result = report(tmp_path, tmp_path / "out")
    assert result.returncode == 65
    assert "no mfcc.yaml, the sweep that 1 trials are of" in result.stderr
