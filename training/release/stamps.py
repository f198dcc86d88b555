"""Stamps: which step of a build is done, and with which inputs."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from kws_edge.errors import MissingFileError
from kws_edge.files import write_atomically


@dataclass(frozen=True)
class Stamp:
    """A finished step: ``key`` stands for its inputs, ``outputs`` are the paths that it made."""

    step: str
    key: str
    finished: str
    outputs: tuple[str, ...]

    @property
    def id(self) -> str:
        """Differs between two runs of the step, with the same inputs or not."""
        return f"{self.key} {self.finished}"


@dataclass(frozen=True)
class Stamps:
    """The stamps in ``folder``, one JSON file a step."""

    folder: Path

    def read(self, step: str) -> Stamp | None:
        """The stamp of ``step``; None where it is not done, or its outputs are gone."""
        try:
            document = json.loads(self._path(step).read_text())
            stamp = Stamp(**{**document, "outputs": tuple(document["outputs"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return stamp if all(Path(output).exists() for output in stamp.outputs) else None

    def need(self, step: str) -> Stamp:
        """The stamp of a step that another one needs; raises `MissingFileError`."""
        if stamp := self.read(step):
            return stamp
        raise MissingFileError(f"{self._path(step)}: step {step!r} is not done; run it first")

    def write(self, step: str, key: str, outputs: tuple[Path, ...]) -> None:
        """Mark ``step`` as done."""
        finished = datetime.now(timezone.utc).isoformat()
        stamp = Stamp(step, key, finished, tuple(map(str, outputs)))
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path(step), (json.dumps(asdict(stamp), indent=1) + "\n").encode())

    def remove(self, step: str) -> None:
        """Mark ``step`` as not done."""
        self._path(step).unlink(missing_ok=True)

    def _path(self, step: str) -> Path:
        return self.folder / f"{step}.json"


def key_of(inputs: dict[str, Any]) -> str:
    """A digest of ``inputs``, which JSON can hold."""
    text = json.dumps(inputs, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def listing(path: Path) -> list[tuple[str, int]] | None:
    """Names and sizes of the files in ``path`` (or of that file); None where nothing is there.

    It stands for their content: reading gigabytes of recordings before each step would take
    longer than some of the steps.
    """
    if path.is_file():
        return [(path.name, path.stat().st_size)]
    if not path.is_dir():
        return None
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return [(str(file.relative_to(path)), file.stat().st_size) for file in files]
