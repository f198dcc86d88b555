"""The text files of a trained run's folder: configuration, history, metrics."""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import yaml

from training.config import RunConfig

History = dict[str, list[float]]


def as_document(config: object) -> dict[str, Any]:
    """A configuration (a dataclass) as plain JSON and YAML have it."""
    document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))  # type: ignore[call-overload]
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
