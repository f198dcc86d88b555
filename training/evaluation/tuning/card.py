"""A tuning in a model's card."""

from typing import Any

from training.evaluation.streams.card import false_accepts_per_hour, median_latency, recall
from training.evaluation.tuning.sweep import TUNED

TUNING = "tuning.json"  # the report of `tune` in its folder
MOST_NAMES = 6  # of one folder in a sentence


def card_section(report: dict[str, Any], picture: str) -> list[str]:
    """The lines of the section, in Markdown; ``picture`` is the file beside the card."""
    positive, negative = (
        _listed([s for s in report["streams"] if s[part]]) for part in ("positive", "negative")
    )
    points = report["points"]
    some = next(iter(points.values()))
    times = ", ".join(name.removesuffix("_ms") for name in TUNED)
    rows = [_row(name, point) for name, point in points.items()]
    return [
        "## Operating points",
        "",
        f"Chosen from {report['settings_tried']} settings on validation streams:"
        f" {some['spoken']} keywords in {positive}; false accepts over {some['hours']:.2f} h of"
        f" {negative}. Figures on the streams that a setting was chosen on are too good.",
        "",
        f"| name | target, false accepts per hour | threshold | {times} (ms) |"
        " false accepts per hour (95 %) | recall (95 %) | latency, median ms |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"![False rejects over false accepts per hour]({picture})",
    ]


def number_or_off(value: float | str) -> str:
    """As people write it."""
    return value if isinstance(value, str) else f"{value:g}"


def _listed(streams: list[dict[str, Any]]) -> str:
    """Their names; of a folder with many of them, how many."""
    by_folder: dict[str, list[str]] = {}
    for stream in streams:
        by_folder.setdefault(stream["folder"], []).append(stream["name"])
    return ", ".join(
        ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names)} recordings in {folder}"
        for folder, names in by_folder.items()
    )


def _row(name: str, point: dict[str, Any]) -> str:
    detector = point["detector"]
    own = "".join(f", {word} {value:g}" for word, value in detector["thresholds"].items())
    times = ", ".join(number_or_off(detector[name]) for name in TUNED)
    target = f"{point['target']['false_accepts_per_hour']:g}{'' if point['met'] else ', not met'}"
    return (
        f"| {name} | {target} | {detector['threshold']:g}{own} | {times} |"
        f" {false_accepts_per_hour(point)} | {recall(point)} | {median_latency(point)} |"
    )
