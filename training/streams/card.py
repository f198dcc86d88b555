"""What a model made of streams, in its card and its manifest."""

from typing import Any

from kws_edge.manifest import Measurement

Reports = list[dict[str, Any]]  # of `evaluate-stream`


def stream_section(reports: Reports) -> list[str]:
    """The lines of the section, in Markdown; none without a report."""
    if not reports:
        return []
    return [
        "",
        "## In streams",
        "",
        "What the runtime made of streams that nothing was chosen on.",
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
            value=round(report[name], 5),
            lower=round(report[f"{name}_lower"], 5),
            upper=round(report[f"{name}_upper"], 5),
            count=report[count],
            data=report["data"],
        )
        for name, count in found
    ]


def _row(report: dict[str, Any]) -> str:
    recall, latency = "", report["latency_ms"]
    if report["spoken"]:
        recall = (
            f"{report['hits']} of {report['spoken']}, {report['recall']:.1%}"
            f" ({report['recall_lower']:.1%} to {report['recall_upper']:.1%})"
        )
    return (
        f"| {report['data']} | {report['preset'] or 'default'} | {recall} |"
        f" {report['false_accepts']} in {report['hours']:.2f} h |"
        f" {report['false_accepts_per_hour']:.2f} ({report['false_accepts_per_hour_lower']:.2f} to"
        f" {report['false_accepts_per_hour_upper']:.2f}) |"
        f" {format(latency['median'], '.0f') if latency else ''} |"
    )
