"""A model for others: its figures in the manifest, a card beside it."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from kws_edge.errors import DataError, MissingFileError
from kws_edge.manifest import Manifest, Measurement
from kws_edge.model_file import pack_model, read_model
from training.card import card
from training.tuning.card import card_section, read_tuning
from training.working_points import WorkingPoints, load_working_points


def release(
    model: Path,
    reports: tuple[Path, ...],
    output: Path,
    name: str,
    points: WorkingPoints | None = None,
    tuning: Path | None = None,
) -> Path:
    """Write ``output/name.tflite`` and ``output/name.md``.

    ``reports`` are the JSON files that ``evaluate`` made of this very model; their figures
    go into manifest and card. ``points`` replace the working point that it was converted
    with, and so do those in ``tuning``, a folder of ``tune``, whose figures and picture come too.
    """
    file = read_model(model)
    results = [_read_report(path, file.manifest) for path in reports]
    report = read_tuning(tuning, file.manifest) if tuning else None
    if tuning:
        points = load_working_points(tuning / "detector.yaml")
    points = points or WorkingPoints(file.manifest.detector, file.manifest.presets)
    manifest = dataclasses.replace(
        file.manifest,
        name=name,
        metrics=tuple(m for result in results for m in _measurements(result)),
        detector=points.detector,
        presets=points.presets,
    )
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{name}.tflite"
    path.write_bytes(pack_model(manifest, file.flatbuffer))
    working_points = []
    if tuning and report:
        picture = shutil.copyfile(tuning / "det.svg", output / f"{name}-det.svg")
        working_points = ["", *card_section(report, picture.name)]
    text = card(manifest, path.stat().st_size, results, working_points)
    (output / f"{name}.md").write_text(text)
    return path


def _read_report(path: Path, manifest: Manifest) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(path.read_text())
        described = (result["model"], result["run_id"])
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a report of 'evaluate' ({error!r})") from error
    if described != (manifest.name, manifest.run_id):
        raise DataError(
            f"{path}: is of {described[0]} (run {described[1]}), not of {manifest.name}"
            f" (run {manifest.run_id})"
        )
    return result


def _measurements(result: dict[str, Any]) -> list[Measurement]:
    accuracy = {
        "clips": result["clips"],
        "share": result["accuracy"],
        "lower": result["accuracy_lower"],
        "upper": result["accuracy_upper"],
    }
    found = {"accuracy": accuracy}
    if "words_alone" in result:
        found["accuracy of the words alone"] = result["words_alone"]
    for label, of in result.get("fired", {}).items():
        found[f"fired on {label}"] = of
    return [
        Measurement(
            name=name,
            value=round(of["share"], 5),
            lower=round(of["lower"], 5),
            upper=round(of["upper"], 5),
            count=of["clips"],
            data=result["data"],
        )
        for name, of in found.items()
    ]
