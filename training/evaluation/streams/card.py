"""What a model made of streams, in its card and its manifest."""

from typing import Any

from kws_edge.model.manifest import Measurement

Reports = list[dict[str, Any]]  # of `evaluate-stream`


def stream_section(reports: Reports) -> list[str]:
    """The lines of the section, in Markdown; none without a report."""
    if not reports:
        return []
    return [
        "",
        "## In streams",
        "",
        "Measured with the runtime on streams that no setting was chosen on.",
        "",
        "| stream | settings | recall (95 %) | false accepts | per hour (95 %) | latency, median"
        " ms |",
        "|---|---|---|---|---|---|",
        *(_row(report) for report in reports),
    ]


def stream_measurements(report: dict[str, Any]) -> list[Measurement]:
    """Recall, if anything was spoken, and false accepts per hour; their count is that of the
    keywords and that of the false accepts."""
    preset = f", preset {report['preset']}" if report["preset"] else ""
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
    """With its interval, as a cell of a table; these figures, as those below, are of `figures`."""
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


def _row(report: dict[str, Any]) -> str:
    heard = ""
    if report["spoken"]:
        heard = f"{report['hits']} of {report['spoken']}, {recall(report)}"
    return (
        f"| {report['data']} | {report['preset'] or 'default'} | {heard} |"
        f" {report['false_accepts']} in {report['hours']:.2f} h |"
        f" {false_accepts_per_hour(report)} | {median_latency(report)} |"
    )
