"""The files of a tuning: settings for a release, figures, the curve and its picture."""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import yaml

from kws_edge.config.schema import parse
from kws_edge.detection.detector import DetectorConfig
from kws_edge.model.interpreter import interpreter_name
from training.evaluation.tuning.card import TUNING
from training.evaluation.tuning.choose import Choice
from training.evaluation.tuning.det_curve import draw_det
from training.evaluation.tuning.per_keyword_thresholds import FEWEST
from training.evaluation.tuning.sweep import TUNED, Row
from training.evaluation.tuning.tune import Tuning, operating_point
from training.stats import poisson_interval, wilson_interval

COLUMNS = (
    *TUNED,
    "threshold",
    "false_accepts",
    "false_accepts_per_hour",
    "false_accepts_per_hour_lower",
    "false_accepts_per_hour_upper",
    "misses",
    "false_reject_rate",
    "false_reject_rate_lower",
    "false_reject_rate_upper",
    "false_accepts_in_positives",
    "latency_ms",
)


def write_tuning(tuning: Tuning, folder: Path) -> list[str]:
    """``detector.yaml``, ``tuning.json``, ``det.csv`` and ``det.svg`` in ``folder``; a
    line about each operating point."""
    folder.mkdir(parents=True, exist_ok=True)
    report = as_report(tuning)
    (folder / TUNING).write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
    default, *presets = tuning.choices
    document = {
        "detector": dataclasses.asdict(default.row.config),
        "presets": {c.target.name: dataclasses.asdict(c.row.config) for c in presets},
    }
    lines = [line(name, point) for name, point in report["points"].items()]
    comment = "".join(f"# {text}\n" for text in lines)
    (folder / "detector.yaml").write_text(comment + yaml.safe_dump(document, sort_keys=False))
    _write_curve(tuning, folder / "det.csv")
    (folder / "det.svg").write_bytes(draw_det(tuning, report["points"]))
    return lines


def as_report(tuning: Tuning) -> dict[str, Any]:
    """Ready for JSON: which model on which streams, and each operating point."""
    manifest, tuning_set = tuning.file.manifest, tuning.tuning_set
    return {
        "model": manifest.name,
        "run_id": manifest.run_id,
        "interpreter": interpreter_name(),
        "settings_tried": len(tuning.rows),
        "streams": [
            {
                "name": s.posteriors.stream.name,
                "folder": s.posteriors.stream.path.parent.name,
                "hours": s.posteriors.seconds / 3600,
                "positive": s.positive,
                "negative": s.negative,
            }
            for s in tuning_set.streams
        ],
        "points": {c.target.name: _point(tuning, c) for c in tuning.choices},
    }


def _point(tuning: Tuning, choice: Choice) -> dict[str, Any]:
    target, tuning_set = choice.target, tuning.tuning_set
    return {
        "target": dataclasses.asdict(target),
        "met": choice.met,
        "hours_needed": 1 / target.false_accepts_per_hour,
        **operating_point(tuning_set, choice.row.config),
        "thresholds_by_word": _by_word(choice),
    }


def _by_word(choice: Choice) -> dict[str, Any]:
    """Why keywords have thresholds of their own, or have not."""
    if choice.evidence is None:
        return {"kept": False, "why": "the target asks for a margin, not for a fit"}
    found = choice.evidence
    if not found.carrying:
        why = f"no word has {FEWEST} utterances and {FEWEST} false accepts behind it"
    elif found.kept:
        why = "on halves that were not fitted they miss fewer words at no more false accepts"
    else:
        why = "on halves that were not fitted, or on all, one common threshold is as good"
    return {"why": why, **dataclasses.asdict(found)}


def line(name: str, point: dict[str, Any]) -> str:
    """An operating point with its target, for people."""
    target, detector = point["target"]["false_accepts_per_hour"], point["detector"]
    short = point["hours"] < point["hours_needed"]
    shortfall = f"; too short to show it: that takes {point['hours_needed']:g} h" if short else ""
    return (
        f"{name}: {parse(DetectorConfig, detector).describe()}"
        f": {point['false_accepts']} false accepts in {point['hours']:.2f} h,"
        f" {point['false_accepts_per_hour']:.2f} per hour"
        f" ({point['false_accepts_per_hour_lower']:.2f} to"
        f" {point['false_accepts_per_hour_upper']:.2f}; target {target:g}"
        f"{'' if point['met'] else ', NOT met'}{shortfall}), recall {point['recall']:.1%}"
        f" ({point['recall_lower']:.1%} to {point['recall_upper']:.1%}) of {point['spoken']}"
    )


def _write_curve(tuning: Tuning, path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        spoken, hours = int(tuning.tuning_set.spoken.sum()), tuning.tuning_set.hours
        writer.writerows(_columns(row, spoken, hours) for row in tuning.rows)


def _columns(row: Row, spoken: int, hours: float) -> list[float | int | str]:
    config, counts = row.config, row.counts
    rejects = (row.misses / spoken, *wilson_interval(row.misses, spoken))
    false = (row.false_accepts, *poisson_interval(row.false_accepts))
    return [
        *(getattr(config, name) for name in TUNED),
        config.threshold,
        row.false_accepts,
        *(round(value / hours, 4) for value in false),
        row.misses,
        *(round(value, 5) for value in rejects),
        counts.others,
        round(counts.latency_ms, 1) if row.misses < spoken else "",
    ]
