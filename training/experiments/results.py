"""The results of an experiment: one CSV table, a row for each trial and each model made of it.

Every change replaces the file as a whole, so a killed process leaves either the old table or the
new one. A table has some hundred rows; writing all of them takes milliseconds. A `Study` is the
same table by its runs, their bases and their models.
"""

import csv
import fcntl
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.config.yaml_file import load
from kws_edge.errors import ConfigError, DataError, MissingFileError
from kws_edge.files import write_atomically
from training.config import TrainingConfig, as_document
from training.experiments.compare import SeedNoise, TrialScore
from training.experiments.experiment import BASE, Experiment, Group, Planned, planned
from training.stats import pooled_sd

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


ACCURACY = "validation_accuracy"


@dataclass(frozen=True)
class TrialRun:
    """A complete trial: a row for each of its models, or one without a model."""

    rows: tuple[ResultRow, ...]

    def __getitem__(self, column: str) -> str:
        return self.rows[0][column]

    @property
    def key(self) -> str:
        return self["trial"]

    @property
    def group(self) -> str:
        return self["group"]

    def value(self, column: str) -> float:
        return self.rows[0].need(column)

    @property
    def models(self) -> dict[str, ResultRow]:
        """The rows of the converted models by quantization."""
        return {row["model"]: row for row in self.rows if row["size_kb"]}

    def score(self, metric: str = ACCURACY) -> TrialScore:
        """A metric of the trained network. Which clips it recognised is that of its float32
        model.
        """
        value = self.value(metric)
        if metric != ACCURACY:
            return TrialScore(value)
        kinds = [self.rows[0].number(f"clips.validation.{kind}") for kind in ("keywords", "others")]
        count = int(sum(clips for clips in kinds if clips is not None))
        model = self.models.get("float32")
        right = model.bits("validation_right", count) if model else None
        return TrialScore(value, count, right, model["validation_clips_id"] if model else "")

    def test(self, quantization: str = "float32") -> TrialScore | None:
        """On the test part; None where that has not been read."""
        row = self.models.get(quantization)
        return model_score(row, "test") if row else None


def model_score(row: ResultRow, part: str) -> TrialScore | None:
    """A converted model on the ``validation`` or ``test`` part; None where not evaluated."""
    count = row.number(f"{part}_clips")
    if not count:
        return None
    accuracy = row.need("model_validation_accuracy" if part == "validation" else "test_accuracy")
    right = row.bits(f"{part}_right", int(count))
    return TrialScore(accuracy, int(count), right, row[f"{part}_clips_id"])


@dataclass(frozen=True)
class Study:
    """The groups of one comparison and what is known of them."""

    experiment: Experiment
    comparison: str
    plan: tuple[Planned, ...]
    runs: tuple[TrialRun, ...]
    failed: tuple[ResultRow, ...]

    @property
    def groups(self) -> list[Group]:
        """Those with results."""
        found = {run.group for run in self.runs}
        return [g for g in self.experiment.groups if g.name in found]

    def base(self, group: str) -> list[TrialRun]:
        """The runs of a group's base, in the order of the seeds."""
        return self.variant(group, BASE)

    def variant(self, group: str, name: str) -> list[TrialRun]:
        """The runs of a variant, in the order of the seeds."""
        found = [run for run in self.runs if (run.group, run["variant"]) == (group, name)]
        return sorted(found, key=lambda run: run.value("seed"))

    def seeds(self, run: TrialRun) -> list[TrialRun]:
        """The runs of a run's configuration, itself first."""
        if run["plan"] not in ("base", "variants"):
            return [run]
        return [run, *(r for r in self.variant(run.group, run["variant"]) if r.key != run.key)]

    def configurations(self, group: str = "") -> list[TrialRun]:
        """One run a configuration, of the first seed, of one group or of all; the best first."""
        found = [
            run
            for run in self.runs
            if (not group or run.group == group) and int(run.value("seed")) == self._first(run)
        ]
        return sorted(found, key=lambda run: (-run.value(self.experiment.objective), run.key))

    def _first(self, run: TrialRun) -> int:
        group = self.experiment.group(run.group)
        seeds = {variant.name: variant.seeds for variant in group.variants}
        return (seeds.get(run["variant"]) or group.seeds)[0]

    def noise(self, metric: str = "") -> SeedNoise:
        """Pooled over all configurations that several seeds trained."""
        values: dict[tuple[str, str], list[float]] = {}
        for run in self.runs:
            if run["plan"] in ("base", "variants"):
                value = run.value(metric or self.experiment.objective)
                values.setdefault((run.group, run["variant"]), []).append(value)
        return SeedNoise(*pooled_sd(values.values()))

    def score(self, run: TrialRun) -> TrialScore:
        """By the experiment's objective."""
        return run.score(self.experiment.objective)


def load_studies(folder: Path) -> list[Study]:
    """One for each comparison that has a complete trial.

    Raises `MissingFileError` where there is no experiment, `DataError` where no trial is complete.
    """
    experiment, document = load_experiment(folder / "config.yaml")
    if not (folder / "results.csv").exists():
        raise MissingFileError(f"{folder}: no results.csv; run: python -m training experiment run")
    found = studies_of(experiment, document, Results(folder))
    if not found:
        raise DataError(f"{folder}: no complete trial; run: python -m training experiment run")
    return found


def load_experiment(path: Path) -> tuple[Experiment, dict[str, Any]]:
    """An experiment and its base configuration as a document, defaults included.

    Raises `MissingFileError` and `ConfigError` for either file.
    """
    experiment = load(path, Experiment)
    return experiment, as_document(load(path.parent / experiment.base, TrainingConfig))


def studies_of(
    experiment: Experiment, document: Mapping[str, Any], rows: Iterable[ResultRow]
) -> list[Study]:
    """Divide the rows of an experiment by its comparisons."""
    plan = planned(experiment, document)
    where = {group.name: group.comparison for group in experiment.groups}
    trials: dict[str, list[ResultRow]] = {}
    for row in rows:
        if row["group"] in where:
            trials.setdefault(row["trial"], []).append(row)
    found = []
    for comparison in experiment.comparisons():
        here = [rows for rows in trials.values() if where[rows[0]["group"]] == comparison]
        runs = tuple(TrialRun(tuple(rows)) for rows in here if rows[0]["state"] == "complete")
        failed = tuple(rows[0] for rows in here if rows[0]["state"] == "failed")
        if runs:
            own = tuple(one for one in plan if where[one.trial.group] == comparison)
            found.append(Study(experiment, comparison, own, runs, failed))
    return found
