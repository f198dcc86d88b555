"""The page of an experiment: prose by a person, tables and figures from the results.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``. Writing the page again
replaces the tables and leaves the prose alone; a page that is not there yet is begun with all
tables that have rows.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from kws_edge.errors import DataError
from kws_edge.files import write_atomically
from training.experiments import summarise
from training.experiments.results import Study
from training.report import figures, tables
from training.report.tables import Table

MARKED = re.compile(r"<!-- table: (?P<name>\S+) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
TITLES = {
    "gains": "The best configuration of each group and its gain over the base",
    "ranking": "Settings by the range of validation when each is changed alone",
    "parts": "Variants against the base, in points, with 95 % intervals",
    "networks": "Networks",
    "front-latency": "The Pareto front of validation and latency",
    "front-size": "The Pareto front of validation and size",
    "seeds": "The bases with their seeds",
    "coverage": "Planned trials",
    "failures": "Trials without a result",
}


def all_tables(studies: Iterable[Study]) -> dict[str, Callable[[], Table]]:
    """Every table by name; those of a comparison after the first have its number in front."""
    found: dict[str, Callable[[], Table]] = {}
    for number, study in enumerate(studies, 1):
        before = f"{number}-" if number > 1 else ""
        for name, make in _tables(study).items():
            found[f"{before}{name}"] = make
    return found


def _tables(study: Study) -> dict[str, Callable[[], Table]]:
    made: dict[str, Callable[[], Table]] = {
        "gains": lambda: tables.gains(study),
        "ranking": lambda: tables.ranking(study),
        "parts": lambda: tables.parts(study),
        "networks": lambda: tables.networks(study),
        "front-latency": lambda: tables.front(study, summarise.fastest),
        "front-size": lambda: tables.front(study, summarise.smallest),
        "seeds": lambda: tables.seeds(study),
        "coverage": lambda: tables.coverage(study),
        "failures": lambda: tables.failures(study),
    }
    for group in study.groups:
        made[f"runs-{group.name}"] = lambda name=group.name: tables.configurations(  # type: ignore[misc]
            study, name
        )
    return made


def write_report(studies: list[Study], output: Path) -> list[Path]:
    """Write figures, ``configurations.md`` and ``README.md`` to ``output``; what was written.

    Raises `DataError` where a page names a table that does not exist.
    """
    output.mkdir(parents=True, exist_ok=True)
    made = all_tables(studies)
    drawn = draw_figures(studies[0], output)
    pages = [path for path in sorted(output.glob("*.md")) if MARKED.search(path.read_text())]
    if not (output / "README.md").exists():
        (output / "README.md").write_text(_skeleton(studies, made, drawn))
        pages.append(output / "README.md")
    for path in pages:
        write_atomically(path, filled(path.read_text(), made, str(path)).encode())
    return [*pages, *drawn]


def filled(text: str, made: dict[str, Callable[[], Table]], where: str) -> str:
    """A page with its tables made anew."""

    def table(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in made:
            raise DataError(f"{where}: no table {name!r}; there are {', '.join(made)}")
        return f"<!-- table: {name} -->\n{made[name]().markdown()}\n<!-- end -->"

    return MARKED.sub(table, text)


def _skeleton(studies: list[Study], made: dict[str, Callable[[], Table]], drawn: list[Path]) -> str:
    lines = [f"# {studies[0].experiment.name}", ""]
    for path in drawn:
        lines += [f"![{path.stem.replace('-', ' ')}]({path.name})", ""]
    for name, make in made.items():
        if make().rows:
            plain = re.sub(r"^\d+-", "", name)
            title = TITLES.get(plain, f"All configurations of {plain.removeprefix('runs-')}")
            number = name.partition("-")[0]
            which = studies[int(number) - 1 if number.isdigit() else 0].comparison
            title += f" ({which})" if which else ""
            lines += [f"## {title}", "", f"<!-- table: {name} -->", "<!-- end -->", ""]
    return "\n".join(lines)


def draw_figures(study: Study, output: Path) -> list[Path]:
    """The figures for which there are results."""
    found = []

    def draw(name: str, make: Callable[[Path], None]) -> None:
        path = output / f"{name}.svg"
        make(path)
        found.append(path)

    if summarise.models(study):
        draw("accuracy-latency", lambda path: figures.draw_front(study, True, path))
        draw("accuracy-size", lambda path: figures.draw_front(study, False, path))
    if summarise.factor_effects(study):
        draw("effects", lambda path: figures.draw_effects(study, path))
    if summarise.measured_models(study):
        draw("latency", lambda path: figures.draw_latency(study, path))
    if summarise.quantization_losses(study):
        draw("quantization", lambda path: figures.draw_quantization(study, path))
    if any(tables.networks(study).rows):
        draw("networks", lambda path: figures.draw_networks(study, path))
    if any(tables.parts(study).rows):
        draw("parts", lambda path: figures.draw_parts(study, path))
    return found
