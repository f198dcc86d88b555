"""What networks cost, as ``python -m benchmarks.architectures --json`` found it."""

import json
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import DataError, MissingFileError


@dataclass(frozen=True)
class Cost:
    """Of the int8 model: KB of its file, median ms of a decision with one thread."""

    kb: float
    windowed_ms: float
    streaming_ms: float


@dataclass(frozen=True)
class Costs:
    """By network (``tc_resnet-8``); ``machine`` is where they were measured."""

    machine: str
    interpreter: str
    by_network: dict[str, Cost]


def load_costs(path: Path, interpreter: str = "litert") -> Costs:
    """Raises `MissingFileError` and `DataError`."""
    try:
        report = json.loads(path.read_text())
        times = report["median_ms"][interpreter]
        found = {
            network["name"]: Cost(
                network["kb"]["windowed int8"],
                times[network["files"]["windowed int8"]],
                times[network["files"]["streaming int8"]],
            )
            for network in report["networks"]
        }
        return Costs(report["machine"], interpreter, found)
    except OSError as error:
        raise MissingFileError(
            f"{path}: {error.strerror}; made by python -m benchmarks.architectures --json"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not of benchmarks.architectures ({error})") from error
