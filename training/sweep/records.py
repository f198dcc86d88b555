"""What is known about each trial: one JSON file each, whole or not there at all."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from kws_edge.errors import DataError
from kws_edge.files import write_atomically


@dataclass(frozen=True)
class Record:
    """A finished trial.

    ``point`` are its hyper-parameters, ``config`` the run's configuration (empty where
    the front end was refused), ``data`` the fingerprint of the clips. ``metrics`` and
    ``history`` are empty where it failed, for ``reason``. ``sweep`` and ``plan`` say who
    ran it first.
    """

    key: str
    state: Literal["complete", "failed"]
    reason: str
    sweep: str
    plan: str
    seed: int
    point: dict[str, Any]
    config: dict[str, Any]
    data: str
    metrics: dict[str, Any]
    history: dict[str, list[float]]
    finished: str

    @property
    def accuracy(self) -> float:
        """On the validation part after the last epoch."""
        return float(self.metrics["validation_accuracy"])


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class Records:
    """The records of a results folder, ``runs/<key>.json``."""

    def __init__(self, results: Path) -> None:
        self.folder = results / "runs"

    def get(self, key: str) -> Record | None:
        """The record of a trial. Raises `DataError` where its file is not one."""
        return _read(path) if (path := self._path(key)).exists() else None

    def put(self, record: Record) -> None:
        """Write it under its name when it is whole and on the disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record.__dict__, indent=1) + "\n"
        write_atomically(self._path(record.key), text.encode())

    def remove(self, key: str) -> None:
        self._path(key).unlink()

    def __iter__(self) -> Iterator[Record]:
        return (_read(path) for path in sorted(self.folder.glob("[!.]*.json")))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def _read(path: Path) -> Record:
    try:
        return Record(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: not a trial's record ({error})") from error
