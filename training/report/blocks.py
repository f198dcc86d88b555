"""What a report is made of, whatever it is written as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A paragraph; ``**`` marks what is bold. ``lead`` stands out."""

    text: str
    lead: bool = False


@dataclass(frozen=True)
class Figure:
    """A picture, ``name`` being the stem of its file; ``alt`` says what it shows."""

    name: str
    svg: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Column:
    """``group`` is a title over several columns; ``number``: aligned right."""

    title: str
    group: str = ""
    number: bool = True


@dataclass(frozen=True)
class Cell:
    """What is shown, and what a column is sorted by; empty ones come last."""

    text: str
    order: float | str | None = None


@dataclass(frozen=True)
class Table:
    """``wide`` ones get a page across in print."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """Figures that follow each other stand side by side where there is room."""

    title: str
    blocks: tuple[Block, ...]


Block = Text | Figure | Table | Section


def number(value: float | None, form: str = "g") -> Cell:
    """A figure, or an empty cell."""
    return Cell("", None) if value is None else Cell(format(value, form), value)


def word(text: str) -> Cell:
    return Cell(text, text)
