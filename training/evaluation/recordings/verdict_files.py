"""The files of a verdict: Markdown to read, JSON for programs, two pictures."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluation.recordings.verdict import in_unit
from training.plots import draw_confusion, figure, save

MOST_CLIPS = 40  # in the table; the JSON has all
SHOWN = (
    "level_dbfs",
    "snr_db",
    "clipped_share",
    "decay_ms",
    "edge_db",
    "position",
    "high_band_db",
    "dc_offset",
)
RIGHT, WRONG, USUAL = "#2b6ca3", "#c8442c", "#d9d9d9"


def write_verdict(verdict: dict[str, Any], folder: Path) -> list[Path]:
    """``verdict.md``, ``verdict.json``, ``confusion.png`` and ``measures.png`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        folder / name for name in ("verdict.md", "verdict.json", "confusion.png", "measures.png")
    ]
    # the name of a recording need not be text
    paths[0].write_text(as_markdown(verdict), "utf-8", "backslashreplace")
    paths[1].write_text(json.dumps(verdict, indent=1, allow_nan=False) + "\n")
    title = f"{verdict['model']}: {verdict['accuracy']:.1%} of {verdict['clips']} clips"
    draw_confusion(np.array(verdict["confusion"]), verdict["labels"], title, paths[2])
    draw_measures(verdict, paths[3])
    return paths


def as_markdown(verdict: dict[str, Any]) -> str:
    """The whole page."""
    parts = (_head, _advice, _words, _measures, _samples)
    return "\n".join(line for part in parts for line in part(verdict))


def _head(verdict: dict[str, Any]) -> Iterator[str]:
    yield from (
        f"# Recordings check: {verdict['folder']}",
        "",
        f"**{verdict['accuracy']:.1%}** of {verdict['clips']} clips are recognised (95 % interval"
        f" {verdict['accuracy_lower']:.1%} to {verdict['accuracy_upper']:.1%}) by"
        f" {verdict['model']} (run {verdict['run_id']}) in {verdict['interpreter']}.",
        "",
        verdict["conclusion"],
        "",
    )
    if others := verdict["other_folders"]:
        listed = ", ".join(f"{name} ({count})" for name, count in others.items())
        yield from (f"Not checked, because the model has no such keywords: {listed}.", "")
    if unreadable := verdict["unreadable"]:
        yield from (f"Unreadable: {', '.join(unreadable)}.", "")


def _advice(verdict: dict[str, Any]) -> Iterator[str]:
    for title, key in (
        ("What to do", "remedies"),
        ("Unusual, but not tied to errors", "harmless"),
    ):
        if verdict[key]:
            yield from (f"## {title}", "")
            yield from (f"- **{name}**: {text}" for name, text in verdict[key].items())
            yield ""


def _words(verdict: dict[str, Any]) -> Iterator[str]:
    yield from ("## Words", "", "Rows: spoken word. Columns: predicted label.", "")
    labels, confusion = verdict["labels"], verdict["confusion"]
    yield from _table(
        ["spoken", *labels, "recognised"],
        [
            [label, *(count or "" for count in row), f"{row[number]} of {sum(row)}"]
            for number, (label, row) in enumerate(zip(labels, confusion, strict=True))
            if sum(row)
        ],
    )
    yield from ("", "![Confusion](confusion.png)", "")


def _measures(verdict: dict[str, Any]) -> Iterator[str]:
    reference = verdict["reference"]
    yield from (
        "## ClipMeasures",
        "",
        f"Median (5th to 95th percentile). Reference: {reference['clips']} clips of"
        f" {reference['data']}.",
        "",
    )
    rules = {rule["measure"]: rule for rule in verdict["rules"]}
    rows = []
    for name, about in verdict["measures"].items():
        here = _range(about["p5_p50_p95"], about["unit"])
        usual = _range(about["reference_p5_p50_p95"], about["unit"])
        rule = rules.get(name)
        odd = f"{rule['odd']} of {rule['measured']}" if rule else ""
        rows.append([f"{about['title']}, {about['unit']}", here, usual, odd])
    yield from _table(["measure", "these clips", "reference", "unusual clips"], rows)
    yield from ("", "![ClipMeasures](measures.png)", "")


def _range(values: list[float] | None, unit: str) -> str:
    if values is None:
        return "not measurable"
    low, median, high = (in_unit(value, unit) for value in values)
    return f"{median} ({low} to {high})"


def _samples(verdict: dict[str, Any]) -> Iterator[str]:
    shown = [s for s in verdict["samples"] if s["predicted"] != s["label"] or s["odd"]]
    shown.sort(key=lambda s: (s["predicted"] == s["label"], -len(s["odd"])))
    yield from (
        "## Clips",
        "",
        f"{len(shown)} of {verdict['clips']} clips are misrecognised or unusual"
        + (f"; the first {MOST_CLIPS}" if len(shown) > MOST_CLIPS else "")
        + "; verdict.json has all clips, with all measures and their percentiles in the"
        " reference.",
        "",
    )
    rows = [
        [
            s["path"],
            s["predicted"] if s["predicted"] != s["label"] else "",
            f"{s['score']:.2f}",
            _figure(s, "level_dbfs"),
            _figure(s, "snr_db"),
            ", ".join(s["odd"]),
        ]
        for s in shown[:MOST_CLIPS]
    ]
    yield from _table(["clip", "recognised as", "score", "dBFS", "SNR dB", "unusual"], rows)
    yield ""


def _figure(sample: dict[str, Any], name: str) -> str:
    value = sample["measures"][name]
    return "" if value is None else f"{value:.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"


def draw_measures(verdict: dict[str, Any], path: Path) -> None:
    """A row a measure: grey from the 5th to the 95th percentile of the reference, a line at its
    median; dots are clips, the misrecognised ones red and above."""
    made, all_axes = figure(7.5, 0.8 * len(SHOWN), nrows=len(SHOWN))
    for name, axes in zip(SHOWN, all_axes, strict=True):
        about = verdict["measures"][name]
        scale = 100 if about["unit"].startswith("%") else 1
        low, median, high = (scale * value for value in about["reference_p5_p50_p95"])
        axes.axvspan(low, high, color=USUAL, lw=0)
        axes.axvline(median, color="#777777", lw=1)
        _dots(axes, name, scale, verdict["samples"])
        axes.set_yticks([])
        axes.set_ylim(-1, 1)
        axes.spines[["top", "left", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.set_title(f"{about['title']}, {about['unit']}", fontsize=9, loc="left", pad=2)
    made.suptitle(
        f"{verdict['folder']}: recognised (blue) and misrecognised (red) clips;"
        " grey: 90 % of the reference",
        fontsize=9,
    )
    save(made, path)


def _dots(axes: Any, name: str, scale: float, samples: list[dict[str, Any]]) -> None:
    spread = np.random.default_rng(0).uniform(-0.35, 0.35, len(samples))
    for wrong, colour, height in ((False, RIGHT, -0.45), (True, WRONG, 0.45)):
        points = [
            (scale * value, height + y)
            for sample, y in zip(samples, spread, strict=True)
            if (sample["predicted"] != sample["label"]) is wrong
            and (value := sample["measures"][name]) is not None
        ]
        axes.plot(
            *zip(*points, strict=True) if points else ((), ()),
            ls="",
            marker="o",
            markersize=3,
            color=colour,
            alpha=0.6,
            markeredgewidth=0,
        )
