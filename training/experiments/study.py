"""A folder of results as something to ask: the runs, their bases and their models."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.config.yaml_file import load
from kws_edge.errors import DataError, MissingFileError
from training.config import TrainingConfig
from training.document import as_document
from training.experiments.compare import SeedNoise, TrialScore
from training.experiments.experiment import BASE, Experiment, Group, Planned, planned
from training.experiments.results import ResultRow, Results
from training.stats import pooled_sd

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
