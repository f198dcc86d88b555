"""``evaluate clips``: a model file on clips."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from kws_edge.cli.options import PATH
from kws_edge.detection.detector import is_keyword
from kws_edge.model.file import read_model
from training.cli.options import data_option, split_lists_option
from training.data.clips import Clip, scan
from training.data.splits import PARTS, split_clips


@click.command()
@click.argument("models", nargs=-1, required=True, type=PATH)
@data_option
@click.option(
    "--split",
    type=click.Choice(["official", "lists"]),
    default="official",
    show_default=True,
    help="How --part is found.",
)
@split_lists_option
@click.option(
    "--part",
    type=click.Choice(["all", *PARTS]),
    default="all",
    show_default=True,
    help="The part of the data to evaluate.",
)
@click.option("--describe", help="The data in words, for the report.  [default: folder and part]")
@click.option(
    "--other", "others", multiple=True, help="A folder of words that the model must not detect."
)
@click.option(
    "--repetitions",
    type=click.IntRange(min=10),
    default=200,
    show_default=True,
    help="Of each latency.",
)
@click.option(
    "--output",
    type=PATH,
    default=Path("evaluations"),
    show_default=True,
    help="Where the reports go.",
)
def command(
    models: tuple[Path, ...],
    data: Path,
    split: str,
    split_lists: Path | None,
    part: str,
    describe: str | None,
    others: tuple[str, ...],
    repetitions: int,
    output: Path,
) -> None:
    """Evaluate MODELS on the clips of --data whose folders are the model's labels.

    For a model with labels that are no keywords, report its false accept rate on them too.

    Runs the runtime's code in its preferred interpreter, or in the one that
    KWS_EDGE_INTERPRETER names. Writes OUTPUT/<model>.json (accuracy with a 95 % interval,
    latency, size) and the confusion matrix as .csv and .png.
    """
    from training.evaluation.clip_report import evaluate, write_report

    for model in models:
        labels = read_model(model).manifest.labels
        found = [name for name in labels if is_keyword(name) or (data / name).is_dir()]
        clips = scan(data, [*found, *others])
        if part != "all":
            chosen = split_clips(clips, split, split_lists).part(part)  # type: ignore[arg-type]
            clips = list(chosen)
        words = describe or f"{data.name}, {'all clips' if part == 'all' else part + ' part'}"
        result = evaluate(model, clips, words, repetitions=repetitions, progress=_progress)
        write_report(result, output)
        latency = result["latency_ms"]
        click.echo(
            f"{result['model']}: {result['accuracy']:.2%}"
            f" ({result['accuracy_lower']:.2%} to {result['accuracy_upper']:.2%}) of"
            f" {result['clips']} clips of {words}; {_rejection(result)}features"
            f" {latency['features']['median']:.2f} ms + model {latency['model']['median']:.2f} ms;"
            f" {result['size_kb']:.1f} KB; {result['interpreter']}"
        )


def _rejection(result: dict[str, Any]) -> str:
    if "false_accept_rate" not in result:
        return ""
    accepted = ", ".join(
        f"{label} {share['count']} of {share['clips']}"
        for label, share in result["false_accept_rate"].items()
    )
    closed = result["words_alone"]["share"]
    return f"among its words only {closed:.2%}; false accepts: {accepted or 'none tried'}; "


def _progress(clips: Sequence[Clip]) -> Iterator[Clip]:
    with click.progressbar(clips, label="evaluating", file=sys.stderr, show_pos=True) as bar:
        yield from bar
