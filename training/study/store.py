"""The small JSON files of a study, each whole or not there at all."""

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

from kws_edge.config.schema import parse
from kws_edge.errors import DataError, MissingFileError, ValidationErrors
from kws_edge.files import write_atomically

T = TypeVar("T")


def put(path: Path, value: Any) -> None:
    """Write a dataclass under its name when it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dataclasses.asdict(value), indent=1) + "\n"
    write_atomically(path, text.encode())


def get(path: Path, cls: type[T]) -> T:
    """Raises `MissingFileError`, and `DataError` naming every field that is not as it should."""
    try:
        return parse(cls, json.loads(path.read_text()))
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except (ValueError, ValidationErrors) as error:
        raise DataError(f"{path}: {error}") from error
