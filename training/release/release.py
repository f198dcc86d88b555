"""A model for others: its figures in the manifest, a card beside it."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from kws_edge.config.config import DetectorOverrides
from kws_edge.errors import DataError, ValidationErrors
from kws_edge.model.file import pack_model, read_model
from kws_edge.model.manifest import Manifest, Measurement
from training.evaluation.model_report import read_report
from training.evaluation.streams.card import stream_measurements, stream_section
from training.evaluation.tuning.card import TUNING, card_section
from training.release.card import card
from training.release.operating_points import OperatingPoints, load_operating_points


def release(
    model: Path,
    reports: tuple[Path, ...],
    output: Path,
    name: str,
    points: OperatingPoints | None = None,
    tuning: Path | None = None,
    streams: tuple[Path, ...] = (),
    credit: tuple[str, ...] = (),
) -> Path:
    """Write ``output/name.tflite`` and ``output/name.md``.

    ``reports`` are the JSON files that ``evaluate`` made of this very model; their figures
    go into manifest and card. ``points`` replace the working point that it was converted
    with, and so do those in ``tuning``, a folder of ``tune``, whose figures and picture come too.
    ``streams`` are JSON files of ``evaluate-stream``, made with the settings that it is given now.
    ``credit`` names other data that it was trained on, after the attribution that it has.
    """
    file = read_model(model)
    results = [read_report(path, "evaluate", file.manifest) for path in reports]
    report = read_report(tuning / TUNING, "tune", file.manifest) if tuning else None
    if tuning:
        points = load_operating_points(tuning / "detector.yaml")
    points = points or OperatingPoints(file.manifest.detector, file.manifest.presets)
    heard = [_heard(path, file.manifest, points) for path in streams]
    manifest = dataclasses.replace(
        file.manifest,
        name=name,
        metrics=(
            *(m for result in results for m in _measurements(result)),
            *(m for one in heard for m in stream_measurements(one)),
        ),
        attribution=" ".join([file.manifest.attribution, *credit]),
        detector=points.detector,
        presets=points.presets,
    )
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{name}.tflite"
    path.write_bytes(pack_model(manifest, file.flatbuffer))
    sections = stream_section(heard)
    if tuning and report:
        picture = shutil.copyfile(tuning / "det.svg", output / f"{name}-det.svg")
        sections += ["", *card_section(report, picture.name)]
    commands = "README.md" if (output / "README.md").exists() else None
    text = card(manifest, path.stat().st_size, results, sections, commands)
    (output / f"{name}.md").write_text(text)
    return path


def _heard(path: Path, manifest: Manifest, points: OperatingPoints) -> dict[str, Any]:
    report = read_report(path, "evaluate-stream", manifest)
    try:
        config = DetectorOverrides(preset=report["preset"]).applied_to(
            points.detector, points.presets
        )
        same = dataclasses.asdict(config) == report["detector"]
    except (KeyError, ValidationErrors) as error:
        raise DataError(f"{path}: not a report of 'evaluate-stream' ({error})") from error
    if not same:
        raise DataError(f"{path}: made with other detector settings than those that are released")
    return report


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
            value=of["share"],
            lower=of["lower"],
            upper=of["upper"],
            count=of["clips"],
            data=result["data"],
        )
        for name, of in found.items()
    ]
