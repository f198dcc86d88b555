"""``evaluate stream``: a model on streams with known words and times."""

import json
from pathlib import Path
from typing import Any

import click

from kws_edge.cli.options import PATH
from kws_edge.config.config import DetectorOverrides
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.model.bundled import find_model


@click.command()
@click.argument("model")
@click.argument("streams", nargs=-1, required=True, type=PATH)
@click.option("--preset", help="A preset of the model, instead of its default settings.")
@click.option("--detector", type=PATH, help="Other detector settings (YAML), as 'tune' writes.")
@click.option("--name", help="Name of the report.  [default: that of the first stream]")
@click.option("--describe", help="The streams in words, for a card.  [default: the report's name]")
@click.option("--output", type=PATH, default=Path("evaluations"), show_default=True)
def command(
    model: str,
    streams: tuple[Path, ...],
    preset: str | None,
    detector: Path | None,
    name: str | None,
    describe: str | None,
    output: Path,
) -> None:
    """Run MODEL (a file, or the name of a bundled one) on STREAMS: sound files, and folders of
    them.

    The label track beside a file, <name>.labels.txt or <name>.txt, lists the spoken words and
    their times; a file without one must contain no keyword. Writes OUTPUT/<model>-<name>.json:
    recall, false accepts per hour, latency, each word, each error.
    """
    from training.evaluation.operating_points import load_operating_points
    from training.evaluation.streams.evaluate import evaluate_streams
    from training.evaluation.streams.stream_files import find_streams

    points = load_operating_points(detector) if detector else None
    try:
        result = evaluate_streams(
            find_model(model), find_streams(streams), DetectorOverrides(preset=preset), points
        )
    except ValidationErrors as error:
        raise ConfigError(f"{detector or model}: {error}") from error
    name = name or streams[0].stem
    result["data"] = describe or name
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{result['model']}-{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(f"{summary(result)}; {path}")


def summary(result: dict[str, Any]) -> str:
    """The figures in one line."""
    unlabelled = len(result["without_labels"])
    parts = [f"no label track beside {unlabelled} of {len(result['streams'])}"] * bool(unlabelled)
    if result["spoken"]:
        parts.append(
            f"recall {result['recall']:.1%} ({result['recall_lower']:.1%} to"
            f" {result['recall_upper']:.1%}) of {result['spoken']} keywords"
        )
    parts.append(
        f"{result['false_accepts']} false accepts in {result['hours']:.2f} h,"
        f" {result['false_accepts_per_hour']:.2f} per hour"
        f" ({result['false_accepts_per_hour_lower']:.2f} to"
        f" {result['false_accepts_per_hour_upper']:.2f})"
    )
    if latency := result["latency_ms"]:
        parts.append(f"latency {latency['median']:.0f} ms, p95 {latency['p95']:.0f} ms")
    return f"{result['model']}: " + "; ".join(parts)
