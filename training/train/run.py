"""A trained run's folder: its name, and its configuration, history and metrics."""

import csv
import dataclasses
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from training.config import RunConfig

History = dict[str, list[float]]

# What the folder of a recipe's run holds besides: the recipe, and windows that were trained on.
RECIPE, CALIBRATION = "recipe.yaml", "calibration.npy"


def as_document(config: object) -> dict[str, Any]:
    """A configuration (a dataclass) as plain JSON and YAML have it."""
    document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config), default=str))  # type: ignore[call-overload]
    return document


def write_run_files(
    folder: Path, config: RunConfig, history: History, metrics: dict[str, Any]
) -> None:
    """``config.yaml``, ``history.csv`` (a row an epoch) and ``metrics.json`` in ``folder``."""
    (folder / "config.yaml").write_text(yaml.safe_dump(as_document(config), sort_keys=False))
    with (folder / "history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        writer.writerows(
            [epoch, *row] for epoch, row in enumerate(zip(*history.values(), strict=True), 1)
        )
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")


def partial_folder(output: Path, name: str) -> Path:
    """Where a run's folder is made: below ``output``, and hidden until it is complete."""
    output.mkdir(parents=True, exist_ok=True)
    return output / f".{_stamp()}-{name}-{os.getpid()}.partial"


def new_folder(partial: Path, output: Path, name: str) -> Path:
    """Give a complete folder its name, which is the time and was not there before."""
    stamp = _stamp()
    for candidate in (stamp, f"{stamp}-{name}", f"{stamp}-{name}-{os.getpid()}"):
        if not (output / candidate).exists():
            return partial.rename(output / candidate)
    raise FileExistsError(output / stamp)


def _stamp() -> str:
    return datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
