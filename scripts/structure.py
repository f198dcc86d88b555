#!/usr/bin/env python3
"""Count what keeps a repository readable, and compare it with the limits below.

    scripts/structure.py                  a table; exit code 1 when a limit is exceeded
    scripts/structure.py --list           with the names behind each count
    scripts/structure.py --beside FOLDER  another checkout in a second column

Generated files are those that a command writes and git tracks: tables, pictures and pages below
docs/ and models/ (suffixes in GENERATED). Models, weights and audio are releases, not counted.
"""

import argparse
import ast
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import import_graph
import language

LIMITS = {
    "tracked files": 590,  # 450 when it was set
    "generated files": 30,
    # 175 when it was set
    "Python files, kws_edge + training": 222,
    # The redesign of 0.2.0 aimed at 22,800 and ended at 23,265; later code has its own room: the
    # page in the browser with its jobs takes 2,400, completion in a shell 120, several models and
    # sequences 700, settings and models that change while kws-edge runs 700, Wyoming clients beside
    # the microphone 250, wake phrases from text alone 550.
    "lines in them": 33_600,
    "fmt: skip": 20,
    "functions over 40 lines": 0,
    "import cycles": 0,
    "imports against the order of rooms": 0,
    "earlier names": 0,
    "private language": 0,
}
LONGEST_FUNCTION = 40  # lines
GENERATED = {".json", ".jsonl", ".csv", ".svg", ".png", ".html", ".journal"}
HANDWRITTEN = {"docs/event.schema.json", "docs/examples/node-red-flow.json"}


@dataclass(frozen=True)
class Count:
    name: str
    value: int | None  # None: not known, since the checkout lacks what it is counted by
    items: list[str] = field(default_factory=list)

    @property
    def exceeded(self) -> bool:
        return self.value is not None and self.value > LIMITS.get(self.name, self.value)


def measure(root: Path) -> list[Count]:
    """Every count of the checkout at ``root``, in the order in which they are printed."""
    tracked = _git_files(root)
    python = [path for path in tracked if path.suffix == ".py"]
    code = [path for path in python if path.parts[0] in import_graph.PACKAGES]
    tests = [path for path in python if path.parts[0] == "tests"]
    generated = [str(path) for path in tracked if _is_generated(path)]
    skips = _lines_with(root, python, "# fmt: " + "skip")
    return [
        Count("tracked files", len(tracked)),
        Count("generated files", len(generated), generated),
        Count("Python files, kws_edge + training", len(code)),
        Count("lines in them", _line_count(root, code)),
        Count("Python files, tests", len(tests)),
        Count("lines in tests", _line_count(root, tests)),
        Count("fmt: skip", len(skips), skips),
        _listed("functions over 40 lines", _long_functions(root, code)),
        _listed("class names that occur twice", _twice(_class_names(root, code))),
        _listed("module names that occur twice", _twice(_module_names(code))),
        *_import_counts(root, code),
        *_language_counts(root),
    ]


def _git_files(root: Path) -> list[Path]:
    command = ["git", "ls-files", "-z"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    paths = (Path(name) for name in result.stdout.split("\0") if name)
    return [path for path in paths if (root / path).is_file()]


def _is_generated(path: Path) -> bool:
    return (
        path.parts[0] in ("docs", "models")
        and path.suffix in GENERATED
        and str(path) not in HANDWRITTEN
    )


def _line_count(root: Path, paths: list[Path]) -> int:
    return sum(len((root / path).read_text().splitlines()) for path in paths)


def _lines_with(root: Path, paths: list[Path], text: str) -> list[str]:
    return [
        f"{path}:{number}"
        for path in paths
        for number, line in enumerate((root / path).read_text().splitlines(), 1)
        if text in line
    ]


def _listed(name: str, items: list[str]) -> Count:
    return Count(name, len(items), items)


def _long_functions(root: Path, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for node in ast.walk(ast.parse((root / path).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1  # without decorators
                if lines > LONGEST_FUNCTION:
                    found.append(f"{path}:{node.lineno} {node.name}: {lines} lines")
    return found


def _class_names(root: Path, paths: list[Path]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for path in paths:
        for node in ast.parse((root / path).read_text()).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path))
    return places


def _module_names(paths: list[Path]) -> dict[str, list[str]]:
    """Commands (``cli/``) are left out: a command is named after the module that does the work."""
    places: dict[str, list[str]] = {}
    for path in paths:
        if path.stem not in ("__init__", "__main__") and "cli" not in path.parts:
            places.setdefault(path.name, []).append(str(path))
    return places


def _twice(places: dict[str, list[str]]) -> list[str]:
    return [f"{name}: {', '.join(where)}" for name, where in places.items() if len(where) > 1]


def _import_counts(root: Path, code: list[Path]) -> list[Count]:
    imports = import_graph.find_imports(root, code)
    rooms = import_graph.read_rooms(root / "docs" / "architecture.md")
    against = [str(one) for one in import_graph.order_violations(imports, rooms)]
    single = import_graph.single_importers(imports)
    return [
        _listed("modules with one importer", [f"{name}: {only}" for name, only in single]),
        _listed("import cycles", [", ".join(group) for group in import_graph.cycles(imports)]),
        Count("imports against the order of rooms", len(against) if rooms else None, against),
    ]


def _language_counts(root: Path) -> list[Count]:
    earlier: list[str] = []
    private: list[str] = []
    for finding in language.check(root):
        target = earlier if finding.rule.renamed else private
        target.extend(f"{line.strip()[:150]}  [{finding.rule.instead}]" for line in finding.lines)
    return [_listed("earlier names", earlier), _listed("private language", private)]


def _print_table(columns: list[list[Count]], write: Callable[[str], object]) -> None:
    for row in zip(*columns, strict=True):
        here = row[0]
        limit = f"{LIMITS[here.name]:>8}" if here.name in LIMITS else f"{'':>8}"
        values = "".join(f"{'-' if count.value is None else count.value:>9}" for count in row)
        write(f"{here.name:<36}{values}{limit}{'  exceeded' if here.exceeded else ''}\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="print the names behind each count")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout")
    options = parser.parse_args()
    here = measure(Path(__file__).resolve().parent.parent)
    columns = [here] + ([measure(options.beside)] if options.beside else [])
    write = sys.stdout.write
    header = f"{'':<36}{'here':>9}" + (f"{'beside':>9}" if options.beside else "")
    write(f"{header}{'limit':>8}\n")
    _print_table(columns, write)
    if options.list:
        for count in here:
            if count.items:
                write(f"\n{count.name}:\n" + "".join(f"  {item}\n" for item in count.items))
    return int(any(count.exceeded for count in here))


if __name__ == "__main__":
    sys.exit(main())
