"""The report as one HTML page that asks for nothing from anywhere."""

import re
from html import escape
from pathlib import Path

from training.report.blocks import Cell, Column, Figure, Section, Table, Text

HERE = Path(__file__).parent
LONG = 40  # characters, from which a cell is wrapped


def page(document: Section) -> str:
    """A whole page: style and script are in it."""
    style, script = (HERE / "page.css").read_text(), (HERE / "page.js").read_text()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<main>\n{_blocks(document, 1)}\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _section(section: Section, level: int) -> str:
    return f'<section class="level{level}">\n{_blocks(section, level)}\n</section>'


def _blocks(section: Section, level: int) -> str:
    parts = [f"<h{level}>{escape(section.title)}</h{level}>"]
    together: list[str] = []
    for block in section.blocks:
        if isinstance(block, Figure):
            together.append(_figure(block))
            continue
        parts += _row_of(together)
        if isinstance(block, Section):
            parts.append(_section(block, level + 1))
        else:
            parts.append(_table(block) if isinstance(block, Table) else _text(block))
    return "\n".join(parts + _row_of(together))


def _row_of(figures: list[str]) -> list[str]:
    """Figures that follow each other, side by side; empties the list."""
    found = ['<div class="figures">\n{}\n</div>'.format("\n".join(figures))] if figures else []
    figures.clear()
    return found


def _text(block: Text) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(block.text))
    return f"<p{' class=lead' if block.lead else ''}>{bold}</p>"


def _figure(figure: Figure) -> str:
    label = f'aria-label="{escape(figure.alt)}"'
    drawn = figure.svg.replace('role="img"', f'role="img" {label}', 1)
    return f"<figure>\n{drawn}\n<figcaption>{escape(figure.caption)}</figcaption>\n</figure>"


def _table(table: Table) -> str:
    head = f"{_groups(table)}<tr>{''.join(map(_head, table.columns))}</tr>"
    numbers = [column.number for column in table.columns]
    rows = "\n".join(f"<tr>{''.join(map(_cell, row, numbers))}</tr>" for row in table.rows)
    label = escape(table.caption)
    return (
        f'<div class="table{" wide" if table.wide else ""}" role="region" tabindex="0"'
        f' aria-label="{label}">\n<table id="{table.name}" class="sortable">\n'
        f"<caption>{label}.</caption>\n<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody>\n"
        "</table>\n</div>"
    )


def _groups(table: Table) -> str:
    """The row of titles over several columns."""
    groups: list[tuple[str, int]] = []
    for column in table.columns:
        if groups and groups[-1][0] == column.group:
            groups[-1] = (column.group, groups[-1][1] + 1)
        else:
            groups.append((column.group, 1))
    if not any(name for name, _ in groups):
        return ""
    cells = (f'<th colspan="{n}" scope="colgroup">{escape(name)}</th>' for name, n in groups)
    return f'<tr class="groups">{"".join(cells)}</tr>'


def _head(column: Column) -> str:
    kind = ' class="number"' if column.number else ""
    return f'<th scope="col"{kind}><button type="button">{escape(column.title)}</button></th>'


def _cell(cell: Cell, number: bool) -> str:
    long = " class=long" if len(cell.text) > LONG else ""
    kind = " class=number" if number else long
    order = "" if cell.order is None else f' data-order="{escape(str(cell.order))}"'
    return f"<td{kind}{order}>{escape(cell.text)}</td>"
