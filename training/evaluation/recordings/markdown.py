"""The verdict as Markdown."""

from collections.abc import Iterator, Sequence
from typing import Any

from training.evaluation.recordings.advice import in_unit

MOST_CLIPS = 40  # listed one by one; the JSON has all


def as_markdown(verdict: dict[str, Any]) -> str:
    """The whole page."""
    parts = (_head, _advice, _words, _measures, _samples)
    return "\n".join(line for part in parts for line in part(verdict))


def _head(verdict: dict[str, Any]) -> Iterator[str]:
    yield from (
        f"# Field test: {verdict['folder']}",
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
        yield from (f"Not judged, since these are no keywords of the model: {listed}.", "")
    if unreadable := verdict["unreadable"]:
        yield from (f"Could not be read: {', '.join(unreadable)}.", "")


def _advice(verdict: dict[str, Any]) -> Iterator[str]:
    for title, key in (
        ("What to do", "remedies"),
        ("Odd, but not tied to errors", "harmless"),
    ):
        if verdict[key]:
            yield from (f"## {title}", "")
            yield from (f"- **{name}**: {text}" for name, text in verdict[key].items())
            yield ""


def _words(verdict: dict[str, Any]) -> Iterator[str]:
    yield from ("## Words", "", "Rows were spoken, columns heard.", "")
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
        "## Measures",
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
    yield from _table(["measure", "these clips", "reference", "odd clips"], rows)
    yield from ("", "![Measures](measures.png)", "")


def _range(values: list[float] | None, unit: str) -> str:
    if values is None:
        return "not measurable"
    low, median, high = (in_unit(value, unit) for value in values)
    return f"{median} ({low} to {high})"


def _samples(verdict: dict[str, Any]) -> Iterator[str]:
    shown = [s for s in verdict["samples"] if s["heard"] != s["label"] or s["odd"]]
    shown.sort(key=lambda s: (s["heard"] == s["label"], -len(s["odd"])))
    yield from (
        "## Clips",
        "",
        f"{len(shown)} of {verdict['clips']} clips are misheard or odd"
        + (f"; the first {MOST_CLIPS}" if len(shown) > MOST_CLIPS else "")
        + ". All of them, with all measures and how much of the reference is below each, are in"
        " verdict.json.",
        "",
    )
    rows = [
        [
            s["path"],
            s["heard"] if s["heard"] != s["label"] else "",
            f"{s['score']:.2f}",
            _figure(s, "level_dbfs"),
            _figure(s, "snr_db"),
            ", ".join(s["odd"]),
        ]
        for s in shown[:MOST_CLIPS]
    ]
    yield from _table(["clip", "misheard as", "score", "dBFS", "SNR dB", "odd"], rows)
    yield ""


def _figure(sample: dict[str, Any], name: str) -> str:
    value = sample["measures"][name]
    return "" if value is None else f"{value:.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"
