"""Reports that commands wrote of a model, and whether they are of this one."""

import json
from pathlib import Path
from typing import Any

from kws_edge.errors import DataError, MissingFileError
from kws_edge.model.manifest import Manifest


def read_report(path: Path, command: str, manifest: Manifest) -> dict[str, Any]:
    """The report that ``command`` wrote of this very model. Raises `MissingFileError`, and
    `DataError` where it is no such report or of another model."""
    try:
        report: dict[str, Any] = json.loads(path.read_text())
        described = (report["model"], report["run_id"])
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a report of '{command}' ({error!r})") from error
    if described != (manifest.name, manifest.run_id):
        raise DataError(
            f"{path}: is of {described[0]} (run {described[1]}), not of {manifest.name}"
            f" (run {manifest.run_id})"
        )
    return report
