"""A model for others: its figures in the manifest, a card beside it."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from kws_edge.detector import is_keyword
from kws_edge.errors import DataError, MissingFileError
from kws_edge.manifest import Manifest, Measurement
from kws_edge.model_file import pack_model, read_model
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
        metrics=tuple(_measurement(result) for result in results),
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


def _measurement(result: dict[str, Any]) -> Measurement:
    return Measurement(
        name="accuracy",
        value=round(result["accuracy"], 5),
        lower=round(result["accuracy_lower"], 5),
        upper=round(result["accuracy_upper"], 5),
        count=result["clips"],
        data=result["data"],
    )


def card(
    manifest: Manifest, size: int, results: list[dict[str, Any]], working_points: list[str]
) -> str:
    """The model card, in Markdown."""
    features = manifest.features
    keywords = list(filter(is_keyword, manifest.labels))
    mel = (
        f"{features.num_mel_bins} mel bands, {features.lower_edge_hertz:g} to"
        f" {features.upper_edge_hertz:g} Hz"
    )
    coefficients = f", {features.num_coefficients} coefficients" if "mfcc" in features.kind else ""
    lines = [
        f"# {manifest.name}",
        "",
        f"Tells apart {len(keywords)} words: {', '.join(keywords)}. {size / 1024:.0f} KB,"
        f" {manifest.flatbuffer.quantization}.",
        "",
        f"- Front end: {features.kind}, frames of {features.frame_length_ms:g} ms every"
        f" {features.frame_step_ms:g} ms{'' if features.kind == 'spectrogram' else ', ' + mel}"
        f"{coefficients}; {features.shape[0]} x {features.shape[1]} features of 1 s at"
        f" {features.sample_rate} Hz.",
        f"- Made by run {manifest.run_id}, commit {manifest.git_commit}, on {manifest.created}.",
        f"- Data: {manifest.attribution}",
        "",
        "## Figures",
        "",
        "| data | clips | accuracy | 95 % interval | features + model, median ms | interpreter |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['data']} | {r['clips']} | {r['accuracy']:.2%} | {r['accuracy_lower']:.2%} to"
        f" {r['accuracy_upper']:.2%} | {r['latency_ms']['features']['median']:.2f} +"
        f" {r['latency_ms']['model']['median']:.2f} | {r['interpreter']} |"
        for r in results
    ]
    machines = sorted({r["machine"] for r in results})
    if machines:
        lines += ["", f"Latency: batch 1, one thread, on {'; '.join(machines)}."]
    lines += [*working_points, "", "## Limits", "", *LIMITS]
    return "\n".join(lines) + "\n"


LIMITS = (
    "It knows these words and nothing else: a closed set. Any other word, a noise or a closing",
    "door is given one of the eight labels, often with a high score. The speakers are those who",
    "read single English words into their own microphones for the data set; children, strong",
    "accents and distant microphones are rare among them. Do not let it decide anything that",
    "matters: no safety, access or medical use.",
)
