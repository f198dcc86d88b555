"""A model for others: ``NAME/NAME.tflite`` with its figures in the manifest, and a model card."""

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
from training.evaluation.streams.evaluate import OperatingPoints, load_operating_points

NO_LIMITS = "The maker of this model states none."


@dataclass(frozen=True)
class CardText:
    """The words of the maker on the card; nothing here has a default that could be wrong.

    ``description`` and ``limits`` are Markdown, empty for none. ``source``: the file beside the
    card that the model is built from, if there is one.
    """

    description: str = ""
    limits: str = ""
    source: str | None = None


def card(
    manifest: Manifest,
    size: int,
    results: list[dict[str, Any]],
    sections: list[str],
    text: CardText,
) -> str:
    """The model card. ``size`` is the file's in bytes; ``results`` are reports of 'evaluate';
    ``sections`` follow the figures."""
    lines = [f"# {manifest.name}", ""]
    if text.description:
        lines += [text.description.strip(), ""]
    lines += [*_facts(manifest, size, text.source), "", "## Figures", "", *_accuracy(results)]
    lines += [*_rejection(results), *sections]
    lines += ["", "## Limits", "", text.limits.strip() or NO_LIMITS]
    return "\n".join(lines) + "\n"


def _facts(manifest: Manifest, size: int, source: str | None) -> list[str]:
    features = manifest.features
    mel = (
        f", {features.num_mel_bins} mel bands, {features.lower_edge_hertz:g} to"
        f" {features.upper_edge_hertz:g} Hz"
    )
    coefficients = f", {features.num_coefficients} coefficients" if "mfcc" in features.kind else ""
    keywords = manifest.keywords
    return [
        f"Recognizes {len(keywords)} word{'' if len(keywords) == 1 else 's'}:"
        f" {', '.join(keywords)}. {size / 1024:.0f} KB, {manifest.flatbuffer.quantization}.",
        "",
        f"- Front end: {features.kind}, frames of {features.frame_length_ms:g} ms every"
        f" {features.frame_step_ms:g} ms{'' if features.kind == 'spectrogram' else mel}"
        f"{coefficients}; {features.shape[0]} x {features.shape[1]} features of"
        f" {features.window_ms / 1000:g} s at {features.sample_rate} Hz.",
        f"- Made by run {manifest.run_id}, commit {manifest.git_commit}, on {manifest.created}.",
        f"- Data: {manifest.attribution}",
        *([f"- Built from [{source}]({source})."] if source else []),
    ]


def _accuracy(results: list[dict[str, Any]]) -> list[str]:
    if not results:
        return ["This release has no figures of single clips."]
    lines = [
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
    return [*lines, "", f"Latency: batch 1, one thread, on {'; '.join(machines)}."]


def _rejection(results: list[dict[str, Any]]) -> list[str]:
    rows = []
    for result in results:
        if "false_accept_rate" in result:
            rows.append(_row(result["data"], "the words alone, accuracy", result["words_alone"]))
            rows += [
                _row(result["data"], f"false accept rate on {label}", share)
                for label, share in result["false_accept_rate"].items()
            ]
    if not rows:
        return []
    return ["", "| data | what | clips | share | 95 % interval |", "|---|---|---|---|---|", *rows]


def _row(data: str, what: str, share: dict[str, float]) -> str:
    interval = f"{share['lower']:.2%} to {share['upper']:.2%}"
    counts = f"{share['count']} of {share['clips']}"
    return f"| {data} | {what} | {counts} | {share['share']:.2%} | {interval} |"


CARD, DET_PICTURE = "card.md", "det.svg"


@dataclass(frozen=True)
class ReleaseEvidence:
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
    evidence: ReleaseEvidence,
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
        metrics=_figures(results, streams),
        attribution=attribution or file.manifest.attribution,
        detector=points.detector,
        presets=points.presets,
    )
    packed, path = pack_model(manifest, file.flatbuffer), output / name / f"{name}.tflite"
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = stream_section(streams)
    if evidence.tuning and tuned:
        shutil.copyfile(evidence.tuning / DET_PICTURE, path.with_name(DET_PICTURE))
        sections += ["", *card_section(tuned, DET_PICTURE)]
    write_atomically(path, packed)
    path.with_name(CARD).write_text(card(manifest, len(packed), results, sections, text))
    return path


def _figures(
    results: list[dict[str, Any]], streams: list[dict[str, Any]]
) -> tuple[Measurement, ...]:
    return (
        *(figure for result in results for figure in _measurements(result)),
        *(figure for report in streams for figure in stream_measurements(report)),
    )


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
