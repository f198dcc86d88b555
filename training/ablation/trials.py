"""The trials of an ablation: trained one after the other, each kept as one JSON file."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.config.schema import parse
from kws_edge.errors import DataError, ValidationErrors
from kws_edge.files import write_atomically
from training.ablation.config import Trial
from training.train.recipe import Recipe
from training.train.run import as_document
from training.train.validation import Measures


@dataclass(frozen=True)
class Result:
    """``recipe`` is a digest of all its settings, ``clips`` how many words are validated on."""

    variant: str
    seed: int
    recipe: str
    network: str
    parameters: int
    multiply_accumulates: int
    epochs: int
    seconds: float
    clips: int
    git_commit: str
    validation: Measures


def digest_of(recipe: Recipe) -> str:
    """12 hexadecimal digits of all that a recipe says of its training: not its name, nor how the
    detector decides."""
    document = _said(as_document(dataclasses.replace(recipe, name="-")))
    del document["detector"]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]


def _said(value: Any) -> Any:
    """Without what is none or empty: a setting that recipes get later changes no digest. Nor
    does 2 for 2.0."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, dict):
        return value
    said = {name: _said(one) for name, one in value.items()}
    return {name: one for name, one in said.items() if one not in (None, [], {})}


class Results:
    """``<variant>-<seed>.json`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, variant: str, seed: int) -> Result | None:
        """Raises `DataError` where the file is no result."""
        path = self._path(variant, seed)
        if not path.exists():
            return None
        try:
            return parse(Result, json.loads(path.read_text()))
        except (ValueError, ValidationErrors) as error:
            raise DataError(f"{path}: not the result of a trial ({error})") from error

    def has(self, trial: Trial) -> bool:
        """Whether there is a result, and of the recipe as it is now."""
        known = self.get(trial.variant.name, trial.seed)
        return known is not None and known.recipe == digest_of(trial.recipe)

    def put(self, result: Result) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dataclasses.asdict(result), indent=1) + "\n"
        write_atomically(self._path(result.variant, result.seed), text.encode())

    def _path(self, variant: str, seed: int) -> Path:
        return self.folder / f"{variant}-{seed}.json"


def run_trials(
    trials: list[Trial],
    results: Results,
    train: Callable[[Trial], Path],
    report: Callable[[str], None],
) -> int:
    """Train what has no result yet, or one of another recipe; how many that were."""
    missing = [trial for trial in trials if not results.has(trial)]
    for number, trial in enumerate(missing, 1):
        report(f"{trial.variant.name}, seed {trial.seed}: {number} of {len(missing)}")
        results.put(_result(trial, train(trial)))
    return len(missing)


def _result(trial: Trial, folder: Path) -> Result:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    recipe = trial.recipe
    network = recipe.network
    return Result(
        variant=trial.variant.name,
        seed=trial.seed,
        recipe=digest_of(recipe),
        network=network.architecture + (f"-{network.width}" if network.width else ""),
        parameters=metrics["parameters"],
        multiply_accumulates=metrics["multiply_accumulates"],
        epochs=recipe.schedule.epochs,
        seconds=metrics["seconds"],
        clips=metrics["clips"]["validation"]["keywords"],
        git_commit=metrics["git_commit"],
        validation=parse(Measures, metrics["validation"]),
    )
