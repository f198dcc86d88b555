"""Who imports whom in ``kws_edge`` and ``training``: cycles, single importers, the order of rooms.

Only the standard library, and nothing is imported: the source is parsed.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("kws_edge", "training")


@dataclass(frozen=True)
class Import:
    """``importer`` names ``imported``; both are dotted names of modules of this project."""

    importer: str
    imported: str
    on_load: bool  # False within a function: it runs when the function is called


@dataclass(frozen=True)
class Violation:
    importer: str
    imported: str
    reason: str

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}: {self.reason}"


def module_name(path: Path) -> str:
    """``kws_edge/audio/files.py`` -> ``kws_edge.audio.files``; a package is named by its folder."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def find_imports(root: Path, files: list[Path]) -> list[Import]:
    """All imports between the modules in ``files`` (relative to ``root``), each pair once.

    Imports below ``if TYPE_CHECKING:`` do not run and are left out. A submodule's implicit import
    of its package is left out as well: it would make every package that exports names a cycle.
    """
    modules = {module_name(path): path for path in files}
    found: dict[tuple[str, str], bool] = {}
    for name, path in modules.items():
        is_package = path.name == "__init__.py"
        tree = ast.parse((root / path).read_text())
        for node, on_load in _import_nodes(tree, on_load=True):
            for target in _targets(node, name, is_package, modules):
                if target != name:
                    found[name, target] = found.get((name, target), False) or on_load
    return [Import(*pair, on_load) for pair, on_load in sorted(found.items())]


def _import_nodes(
    node: ast.AST, on_load: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, on_load
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for branch in child.orelse:
                yield from _import_nodes(ast.Module([branch], []), on_load)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _import_nodes(child, on_load and not inside)


def _targets(
    node: ast.Import | ast.ImportFrom, importer: str, is_package: bool, modules: dict[str, Path]
) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in modules)
        return
    base = node.module or ""
    if node.level:
        parents = importer.split(".")
        kept = len(parents) - node.level + (1 if is_package else 0)
        base = ".".join([*parents[:kept], *([base] if base else [])])
    for alias in node.names:
        whole = f"{base}.{alias.name}"
        if whole in modules:
            yield whole
        elif base in modules and not (base in PACKAGES and alias.name == "__version__"):
            yield base  # the version is a constant, which every room may show


def single_importers(imports: list[Import]) -> list[tuple[str, str]]:
    """(module, its only importer). Packages (``__init__``) and modules that nobody names, which
    is how commands are found, are not counted."""
    importers: dict[str, set[str]] = {}
    packages = {one.importer.rpartition(".")[0] for one in imports}
    for one in imports:
        importers.setdefault(one.imported, set()).add(one.importer)
    return sorted(
        (module, next(iter(names)))
        for module, names in importers.items()
        if len(names) == 1 and module not in packages
    )


def cycles(imports: list[Import]) -> list[list[str]]:
    """Groups of modules that need each other to load (strongly connected components, Tarjan)."""
    graph: dict[str, list[str]] = {}
    for one in imports:
        graph.setdefault(one.importer, [])
        graph.setdefault(one.imported, [])
        if one.on_load:
            graph[one.importer].append(one.imported)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for imported in graph[module]:
            if imported not in index:
                visit(imported)
            if imported in stack:
                low[module] = min(low[module], low[imported])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return sorted(groups)


def read_rooms(page: Path) -> dict[str, list[set[str]]]:
    """Package -> its rooms in order, out of the tables of docs/architecture.md.

    A table stands below a heading that is the package's name (``### kws_edge``). The first cell of
    a row holds one or more rooms, folders (`` `audio/` ``) or files (`` `errors.py` ``): a row is
    one step of the order. A file or folder within a room may have a row of its own
    (`` `config/schema.py` ``).
    """
    rooms: dict[str, list[set[str]]] = {}
    package = ""
    for line in page.read_text().splitlines() if page.exists() else []:
        if line.startswith("#"):
            package = line.strip("# `/")
        elif package in PACKAGES and line.startswith("|"):
            names = re.findall(r"`([\w/]+?)(?:/|\.py)`", line.split("|")[1])
            if names:
                rooms.setdefault(package, []).append(set(names))
    return rooms


def order_violations(imports: list[Import], rooms: dict[str, list[set[str]]]) -> list[Violation]:
    """Imports from a room further down, rooms that are not listed, the runtime on ``training``.

    Imports within functions count: they are dependencies too. The package's own ``__init__`` and
    ``__main__`` stand below all rooms.
    """
    found = []
    importers = {one.importer for one in imports}
    for one in imports:
        if one.importer.split(".")[0] != one.imported.split(".")[0]:
            if one.importer.split(".")[0] == "kws_edge":
                found.append(Violation(one.importer, one.imported, "the runtime needs training"))
            continue
        if one.imported in PACKAGES and one.imported not in importers:
            continue  # a package that imports nothing
        importer, imported = _place(one.importer, rooms), _place(one.imported, rooms)
        if importer is None or imported is None:
            found.append(Violation(one.importer, one.imported, "a room is not listed"))
        elif importer < imported:
            found.append(Violation(one.importer, one.imported, "from a room further down"))
    return found


def _place(module: str, rooms: dict[str, list[set[str]]]) -> int | None:
    """The step of the order where ``module`` stands, by its longest listed prefix."""
    package, *parts = module.split(".")
    steps = rooms.get(package, [])
    if not parts or parts == ["__main__"]:
        return len(steps)
    for length in range(len(parts), 0, -1):
        prefix = "/".join(parts[:length])
        for number, step in enumerate(steps):
            if prefix in step:
                return number
    return None
