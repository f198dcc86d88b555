"""The files of a tuning: settings for a release, figures, the DET curve and its picture."""

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from matplotlib.axes import Axes

from kws_edge.config.schema import parse
from kws_edge.detection.detector import DetectorConfig
from kws_edge.model.interpreter import interpreter_name
from training.evaluation.card_sections import TUNING_REPORT
from training.evaluation.tuning.per_keyword_thresholds import FEWEST
from training.evaluation.tuning.sweep import TUNED, SweepRow
from training.evaluation.tuning.tune import Choice, Tuning, operating_point
from training.plots import figure, save
from training.stats import poisson_interval, wilson_interval

COLOURS = {"default": "#d55e00", "quiet": "#0072b2", "eager": "#007a5a"}  # Okabe and Ito


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
    """``detector.yaml``, ``tuning.json``, ``det.csv`` and ``det.svg`` in ``folder``; returns
    a line about each operating point."""
    folder.mkdir(parents=True, exist_ok=True)
    report = as_report(tuning)
    (folder / TUNING_REPORT).write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
    default, *presets = tuning.choices
    document = {
        "detector": dataclasses.asdict(default.row.config),
        "presets": {c.target.name: dataclasses.asdict(c.row.config) for c in presets},
    }
    lines = [line(name, point) for name, point in report["points"].items()]
    comment = "".join(f"# {text}\n" for text in lines)
    (folder / "detector.yaml").write_text(comment + yaml.safe_dump(document, sort_keys=False))
    _write_curve(tuning, folder / "det.csv")
    draw_det(tuning, report["points"], folder / "det.svg")
    return lines


def as_report(tuning: Tuning) -> dict[str, Any]:
    """The report for JSON: the model, the streams, and each operating point."""
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
    """Why keywords have separate thresholds, or one in common."""
    if choice.evidence is None:
        return {"kept": False, "why": "the target asks for a margin, not for a fit"}
    found = choice.evidence
    if not found.carrying:
        why = f"no word has {FEWEST} utterances and {FEWEST} false accepts behind it"
    elif found.kept:
        why = "on held-out halves they miss fewer words at no more false accepts"
    else:
        why = "on held-out halves, or on all streams, one common threshold is as good"
    return {"why": why, **dataclasses.asdict(found)}


def line(name: str, point: dict[str, Any]) -> str:
    """One line of text about an operating point and its target."""
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


def _columns(row: SweepRow, spoken: int, hours: float) -> list[float | int | str]:
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


def draw_det(tuning: Tuning, points: dict[str, Any], path: Path) -> None:
    """A line for each smoothing time at the default's other times, over the thresholds,
    and the operating points with their 95 % intervals.

    The axis of false accepts is logarithmic, with a linear part at 0. A setting without a miss
    is drawn as half a miss.
    """
    spoken, hours = int(tuning.tuning_set.spoken.sum()), tuning.tuning_set.hours
    chosen = tuning.choices[0].row.config
    times = (chosen.refractory_ms, chosen.repeat_ms)
    rows = [r for r in tuning.rows if (r.config.refractory_ms, r.config.repeat_ms) == times]
    made, axes = figure(7, 4.8)
    _draw_lines(axes, rows, spoken, hours)
    if other := tuning.beside:
        label = f"{other.file.manifest.name}, its own times"
        _draw_line(axes, other.rows, spoken, hours, linestyle="--", color="#cc79a7", label=label)
    for name, point in points.items():
        _draw_point(axes, name, point, 50 / spoken)
    axes.set_xscale("symlog", linthresh=1 / hours, linscale=0.4)
    axes.set_xlim(left=-0.15 / hours)
    axes.set_yscale("log")
    axes.set_ylim(35 / spoken, 105)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set_xlabel("false accepts per hour")
    axes.set_ylabel("false reject rate (%)")
    axes.grid(alpha=0.3)
    repeat = "" if chosen.repeat_ms == "off" else f", repeat {chosen.repeat_ms:g} ms"
    axes.set_title(
        f"{tuning.file.manifest.name}: {spoken} keywords, {hours:.2f} h of negatives;"
        f" refractory {chosen.refractory_ms:g} ms{repeat}",
        fontsize=9,
    )
    axes.legend(title="operating point, or smoothing of a line", fontsize=8, title_fontsize=8)
    save(made, path)


def _draw_lines(axes: Axes, rows: Sequence[SweepRow], spoken: int, hours: float) -> None:
    times = sorted({row.config.smoothing_ms for row in rows})
    for number, time in enumerate(times):
        same = [row for row in rows if row.config.smoothing_ms == time]
        grey = str(0.8 - 0.6 * number / max(1, len(times) - 1))  # the longer the darker
        _draw_line(axes, same, spoken, hours, color=grey, label=f"{time:g} ms")


def _draw_line(
    axes: Axes, rows: Sequence[SweepRow], spoken: int, hours: float, **style: Any
) -> None:
    axes.plot(
        [row.false_accepts / hours for row in rows],
        [100 * max(row.misses, 0.5) / spoken for row in rows],
        **style,
    )


def _draw_point(axes: Axes, name: str, point: dict[str, Any], least: float) -> None:
    """``least``: the lowest false reject rate on the axis, in percent."""
    rate, rejected = point["false_accepts_per_hour"], 100 * (1 - point["recall"])
    axes.errorbar(
        [rate],
        [max(rejected, least)],
        xerr=[
            [rate - point["false_accepts_per_hour_lower"]],
            [point["false_accepts_per_hour_upper"] - rate],
        ],
        yerr=[
            [max(rejected, least) - max(100 * (1 - point["recall_upper"]), least)],
            [100 * (1 - point["recall_lower"]) - max(rejected, least)],
        ],
        fmt="o",
        color=COLOURS.get(name, "black"),
        capsize=3,
        label=name,
        zorder=3 if name == "default" else 2,
    )
