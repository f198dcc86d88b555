"""The report as Markdown, its pictures in files beside it."""

import os
from pathlib import Path

from training.report.blocks import Figure, Section, Table, Text


def write_page(document: Section, path: Path, pictures: Path) -> None:
    """``path``, and in the folder ``pictures`` an SVG for each figure."""
    pictures.mkdir(parents=True, exist_ok=True)
    for figure in figures(document):
        (pictures / f"{figure.name}.svg").write_text(figure.svg + "\n")
    where = os.path.relpath(pictures, path.parent)
    text = "\n".join(_section(document, 1, "" if where == "." else f"{where}/")).rstrip()
    path.write_text(text + "\n")


def figures(section: Section) -> list[Figure]:
    """All within a section and those in it."""
    found: list[Figure] = []
    for block in section.blocks:
        if isinstance(block, Figure):
            found.append(block)
        elif isinstance(block, Section):
            found += figures(block)
    return found


def _section(section: Section, level: int, where: str) -> list[str]:
    lines = [f"{'#' * level} {section.title}", ""]
    for block in section.blocks:
        if isinstance(block, Section):
            lines += _section(block, level + 1, where)
        elif isinstance(block, Text):
            lines += [_escaped(block.text, keep="*"), ""]
        elif isinstance(block, Figure):
            lines += [f"![{block.alt}]({where}{block.name}.svg)", "", f"*{block.caption}*", ""]
        else:
            lines += _table(block)
    return lines


def _table(table: Table) -> list[str]:
    titles = [f"{c.group}: {c.title}" if c.group else c.title for c in table.columns]
    aligned = ["--:" if column.number else "---" for column in table.columns]
    rows = [[_escaped(cell.text) for cell in row] for row in table.rows]
    lines = [f"*{table.caption}.*", ""]
    lines += [f"| {' | '.join(row)} |" for row in (titles, aligned, *rows)]
    return [*lines, ""]


def _escaped(text: str, keep: str = "") -> str:
    for character in "\\`*_<>|":
        if character not in keep:
            text = text.replace(character, f"\\{character}")
    return text
