"""Sections of a model's card: its figures in streams, and its operating points."""

from typing import Any

from kws_edge.model.manifest import Measurement
from training.evaluation.tuning.sweep import TUNED

Reports = list[dict[str, Any]]  # of `evaluate-stream`
TUNING_REPORT = "tuning.json"  # the report of `tune` in its folder
MOST_NAMES = 6  # of one folder in a sentence


def stream_section(reports: Reports) -> list[str]:
    """The lines of the section in Markdown; none without a report."""
    if not reports:
        return []
    return [
        "",
        "## In streams",
        "",
        "Measured with the runtime on streams that chose no setting.",
        "",
        "| stream | settings | recall (95 %) | false accepts | per hour (95 %) | latency, median"
        " ms |",
        "|---|---|---|---|---|---|",
        *(_stream_row(report) for report in reports),
    ]


def stream_measurements(report: dict[str, Any]) -> list[Measurement]:
    """Recall (if anything was spoken) and false accepts per hour.

    ``count`` is the number of keywords, and the number of false accepts."""
    preset = f", preset {report['preset']}" if report["preset"] else ""
    preset += ", with verifier" if report.get("verifier_threshold") else ""
    found = [("recall", "spoken")] * bool(report["spoken"])
    found.append(("false_accepts_per_hour", "false_accepts"))
    return [
        Measurement(
            name=name.replace("_", " ") + preset,
            value=report[name],
            lower=report[f"{name}_lower"],
            upper=report[f"{name}_upper"],
            count=report[count],
            data=report["data"],
        )
        for name, count in found
    ]


def recall(figures: dict[str, Any]) -> str:
    """Recall with its interval, a table cell from the figures of `streams.evaluate.figures`."""
    return (
        f"{figures['recall']:.1%} ({figures['recall_lower']:.1%} to {figures['recall_upper']:.1%})"
    )


def false_accepts_per_hour(figures: dict[str, Any]) -> str:
    return (
        f"{figures['false_accepts_per_hour']:.2f}"
        f" ({figures['false_accepts_per_hour_lower']:.2f} to"
        f" {figures['false_accepts_per_hour_upper']:.2f})"
    )


def median_latency(figures: dict[str, Any]) -> str:
    latency = figures["latency_ms"]
    return format(latency["median"], ".0f") if latency else ""


def _stream_row(report: dict[str, Any]) -> str:
    found = ""
    if report["spoken"]:
        found = f"{report['hits']} of {report['spoken']}, {recall(report)}"
    threshold = report.get("verifier_threshold")
    verifier = f", verifier at {threshold:g}" if threshold else ""
    return (
        f"| {report['data']} | {report['preset'] or 'default'}{verifier} | {found} |"
        f" {report['false_accepts']} in {report['hours']:.2f} h |"
        f" {false_accepts_per_hour(report)} | {median_latency(report)} |"
    )


def card_section(report: dict[str, Any], picture: str) -> list[str]:
    """The lines of the section, in Markdown; ``picture`` is the file beside the card."""
    positive, negative = (
        _listed([s for s in report["streams"] if s[part]]) for part in ("positive", "negative")
    )
    points = report["points"]
    some = next(iter(points.values()))
    times = ", ".join(name.removesuffix("_ms") for name in TUNED)
    rows = [_point_row(name, point) for name, point in points.items()]
    return [
        "## Operating points",
        "",
        f"Chosen from {report['settings_tried']} settings on validation streams:"
        f" {some['spoken']} keywords in {positive}; false accepts over {some['hours']:.2f} h of"
        f" {negative}. Figures on the streams that chose a setting are optimistic.",
        "",
        f"| name | target, false accepts per hour | threshold | {times} (ms) |"
        " false accepts per hour (95 %) | recall (95 %) | latency, median ms |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"![False rejects over false accepts per hour]({picture})",
    ]


def number_or_off(value: float | str) -> str:
    """A setting as text."""
    return value if isinstance(value, str) else f"{value:g}"


def _listed(streams: list[dict[str, Any]]) -> str:
    """The names of the streams; their number if a folder has many."""
    by_folder: dict[str, list[str]] = {}
    for stream in streams:
        by_folder.setdefault(stream["folder"], []).append(stream["name"])
    return ", ".join(
        ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names)} recordings in {folder}"
        for folder, names in by_folder.items()
    )


def _point_row(name: str, point: dict[str, Any]) -> str:
    detector = point["detector"]
    own = "".join(f", {word} {value:g}" for word, value in detector["thresholds"].items())
    times = ", ".join(number_or_off(detector[name]) for name in TUNED)
    target = f"{point['target']['false_accepts_per_hour']:g}{'' if point['met'] else ', not met'}"
    return (
        f"| {name} | {target} | {detector['threshold']:g}{own} | {times} |"
        f" {false_accepts_per_hour(point)} | {recall(point)} | {median_latency(point)} |"
    )
