"""A model for others: ``NAME/NAME.tflite`` with its figures in the manifest, and a card."""

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.config.config import DetectorOverrides
from kws_edge.errors import DataError, ValidationErrors
from kws_edge.files import write_atomically
from kws_edge.model.file import pack_model, read_model
from kws_edge.model.manifest import Manifest, Measurement
from training.evaluation.card_sections import (
    TUNING_REPORT,
    card_section,
    stream_measurements,
    stream_section,
)
from training.evaluation.clip_report import read_report
from training.evaluation.operating_points import OperatingPoints, load_operating_points
from training.release.card import CardText, card

CARD, DET_PICTURE = "card.md", "det.svg"


@dataclass(frozen=True)
class Evidence:
    """The reports of one model.

    ``clips`` are JSON files of 'evaluate', ``streams`` of 'evaluate-stream', made with the
    detector settings of this release; ``tuning`` is a folder of 'tune', whose settings the model
    takes.
    """

    clips: tuple[Path, ...] = ()
    streams: tuple[Path, ...] = ()
    tuning: Path | None = None


def release(
    model: Path,
    output: Path,
    name: str,
    evidence: Evidence,
    text: CardText,
    points: OperatingPoints | None = None,
    attribution: str | None = None,
) -> Path:
    """Write ``output/name/``: the model, ``card.md`` and, of a tuning, ``det.svg``.

    ``points`` replace the detector settings that ``model`` has, as those of a tuning do;
    ``attribution`` its attribution. Raises `DataError` for a report of another model or with
    other settings.
    """
    file = read_model(model)
    results = [read_report(path, "evaluate", file.manifest) for path in evidence.clips]
    tuned = None
    if evidence.tuning:
        tuned = read_report(evidence.tuning / TUNING_REPORT, "tune", file.manifest)
        points = load_operating_points(evidence.tuning / "detector.yaml")
    points = points or OperatingPoints(file.manifest.detector, file.manifest.presets)
    streams = [_stream_report(path, file.manifest, points) for path in evidence.streams]
    manifest = dataclasses.replace(
        file.manifest,
        name=name,
        metrics=(
            *(m for result in results for m in _measurements(result)),
            *(m for report in streams for m in stream_measurements(report)),
        ),
        attribution=attribution or file.manifest.attribution,
        detector=points.detector,
        presets=points.presets,
    )
    folder = output / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.tflite"
    sections = stream_section(streams)
    if evidence.tuning and tuned:
        shutil.copyfile(evidence.tuning / DET_PICTURE, folder / DET_PICTURE)
        sections += ["", *card_section(tuned, DET_PICTURE)]
    packed = pack_model(manifest, file.flatbuffer)
    write_atomically(path, packed)
    (folder / CARD).write_text(card(manifest, len(packed), results, sections, text))
    return path


def with_operating_points(model: Path, points: OperatingPoints, output: Path) -> Path:
    """A copy of ``model`` at ``output`` with these detector settings and presets."""
    file = read_model(model)
    manifest = dataclasses.replace(file.manifest, detector=points.detector, presets=points.presets)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, pack_model(manifest, file.flatbuffer))
    return output


def _stream_report(path: Path, manifest: Manifest, points: OperatingPoints) -> dict[str, Any]:
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
    shares = {"accuracy": accuracy}
    if "words_alone" in result:
        shares["accuracy of the words alone"] = result["words_alone"]
    for label, share in result.get("false_accept_rate", {}).items():
        shares[f"false accept rate on {label}"] = share
    return [
        Measurement(
            name=name,
            value=share["share"],
            lower=share["lower"],
            upper=share["upper"],
            count=share["clips"],
            data=result["data"],
        )
        for name, share in shares.items()
    ]
