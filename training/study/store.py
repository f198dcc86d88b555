"""The small JSON files of a study, each whole or not there at all."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, TypeVar

from kws_edge.errors import DataError, Faults, MissingFileError
from kws_edge.schema import parse

T = TypeVar("T")


def put(path: Path, value: Any) -> None:
    """Write a dataclass under its name when it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w") as file:
        file.write(json.dumps(dataclasses.asdict(value), indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def get(path: Path, cls: type[T]) -> T:
    """Raises `MissingFileError`, and `DataError` naming every field that is not as it should."""
    try:
        return parse(cls, json.loads(path.read_text()))
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except (ValueError, Faults) as error:
        raise DataError(f"{path}: {error}") from error


def get_all(folder: Path, cls: type[T]) -> list[T]:
    """All of a folder, in the order of their names."""
    return [get(path, cls) for path in sorted(folder.glob("[!.]*.json"))]
