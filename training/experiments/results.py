"""The results of an experiment: one CSV table, a row for each trial and each model made of it.

Every change replaces the file as a whole, so a killed process leaves either the old table or the
new one. A table has some hundred rows; writing all of them takes milliseconds.
"""

import csv
import fcntl
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_edge.errors import ConfigError, DataError
from kws_edge.files import write_atomically

# The columns that every table starts with; settings and metrics follow in order of appearance.
KEYS = ("trial", "model")
LEADING = (*KEYS, "group", "plan", "variant", "seed", "state", "reason")
Cell = str | float | int | bool | None


def now() -> str:
    """UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@dataclass(frozen=True)
class ResultRow:
    """A line of the table; cells are text, empty where nothing is known.

    ``trial`` names the run, ``model`` the quantization of the converted network (empty before
    the conversion). ``state`` is ``complete`` or ``failed``.
    """

    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def number(self, column: str) -> float | None:
        """The value of a numeric column; None where it is empty."""
        text = self[column]
        return float(text) if text else None

    def need(self, column: str) -> float:
        """The value of a numeric column. Raises `DataError` where it is empty."""
        value = self.number(column)
        if value is None:
            raise DataError(f"trial {self['trial']}: no {column}")
        return value

    def bits(self, column: str, count: int) -> npt.NDArray[np.bool_] | None:
        """A column of one bit a clip, stored as hexadecimal digits: ``[count]``."""
        text = self[column]
        if not text:
            return None
        packed = np.frombuffer(bytes.fromhex(text), np.uint8)
        return np.unpackbits(packed, count=count).astype(bool)

    def with_(self, **values: Cell) -> "ResultRow":
        """This row with some cells set."""
        return ResultRow({**self.cells, **row_of(values).cells})


def row_of(values: Mapping[str, Cell]) -> ResultRow:
    """A row from plain values; None and empty text are left out."""
    return ResultRow({name: text for name, value in values.items() if (text := _text(value))})


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return " ".join(str(value).split())  # one line


def hexadecimal(bits: npt.NDArray[np.bool_]) -> str:
    """One bit a clip ``[n]`` as hexadecimal digits, for `ResultRow.bits`."""
    return np.packbits(bits).tobytes().hex()


class Results:
    """``results.csv`` in the folder of an experiment."""

    def __init__(self, folder: Path) -> None:
        """Raises `DataError` where the file is not such a table."""
        self.path = folder / "results.csv"
        self._rows: dict[tuple[str, str], ResultRow] = {}
        if self.path.exists():
            for row in read_rows(self.path):
                self._rows[row["trial"], row["model"]] = row

    def __iter__(self) -> Iterator[ResultRow]:
        return iter(list(self._rows.values()))

    def of(self, trial: str) -> list[ResultRow]:
        """The rows of a trial; empty where it has not run."""
        return [row for (name, _), row in self._rows.items() if name == trial]

    def state(self, trial: str) -> str:
        """``complete``, ``failed``, or empty where the trial has not run."""
        return next((row["state"] for row in self.of(trial)), "")

    def put(self, *rows: ResultRow) -> None:
        """Add rows, or replace those of the same trial and model; the file is on the disk then.

        The first model of a trial takes the place of the row without a model.
        """
        for row in rows:
            if row["model"]:
                self._rows.pop((row["trial"], ""), None)
            self._rows[row["trial"], row["model"]] = row
        self._write()

    def remove(self, trial: str) -> None:
        """Forget a trial, so that it runs again."""
        self._rows = {key: row for key, row in self._rows.items() if key[0] != trial}
        self._write()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the table for this process. Raises `ConfigError` where another one has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (self.path.parent / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"{self.path}: another process is working on this experiment"
                raise ConfigError(message) from None
            yield

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, table_text(self._rows.values()).encode())


def table_text(rows: Iterable[ResultRow]) -> str:
    """Rows as CSV with one header for all their columns."""
    listed = list(rows)
    columns = dict.fromkeys(LEADING)
    for row in listed:
        columns.update(dict.fromkeys(row.cells))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(row.cells) for row in listed)
    return out.getvalue()


def read_rows(path: Path) -> list[ResultRow]:
    """Raises `DataError` where the file is not such a table."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            if not set(KEYS) <= set(reader.fieldnames or ()):
                raise DataError(f"{path}: not a table of results: no column 'trial' or 'model'")
            found = [{n: v for n, v in line.items() if v} for line in reader]
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a table of results ({error})") from error
    for number, line in enumerate(found, 2):
        if not line.get("trial") or line.get("state") not in ("complete", "failed"):
            raise DataError(f"{path}: line {number} has no trial, or no state")
    return [ResultRow(line) for line in found]
