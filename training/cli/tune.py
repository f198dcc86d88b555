"""``tune``: detector settings by stated targets, chosen on validation streams."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from kws_edge.cli.options import PATH
from kws_edge.model.file import find_model

RATE = click.FloatRange(min=0, min_open=True)
MS = click.FloatRange(min=0)


@click.command()
@click.argument("model")
@click.option(
    "--positives",
    "-p",
    type=PATH,
    multiple=True,
    required=True,
    help="A stream with its label track, or a folder of them: its words count. May be repeated.",
)
@click.option(
    "--negatives",
    "-n",
    type=PATH,
    multiple=True,
    required=True,
    help="A stream, or a folder of them: its false accepts count, and its hours."
    " One that is also among --positives counts for both. May be repeated.",
)
@click.option(
    "--false-accepts-per-hour",
    type=RATE,
    default=0.5,
    help="Most false accepts per hour at the model's default operating point.",
)
@click.option(
    "--quiet", type=RATE, default=0.1, help="Most false accepts per hour of the preset 'quiet'."
)
@click.option(
    "--eager", type=RATE, default=5.0, help="Most false accepts per hour of the preset 'eager'."
)
@click.option(
    "--smoothing-ms", type=MS, multiple=True, help="Values to try.  [default: 100 to 500]"
)
@click.option(
    "--refractory-ms", type=MS, multiple=True, help="Values to try.  [default: 250 to 1000]"
)
@click.option(
    "--cache",
    type=PATH,
    default=Path(".cache/posteriors"),
    help="Folder for the posteriors of the network.",
)
@click.option("--output", type=PATH, help="Folder for the results.  [default: tuning/<model>]")
def command(
    model: str,
    positives: tuple[Path, ...],
    negatives: tuple[Path, ...],
    false_accepts_per_hour: float,
    quiet: float,
    eager: float,
    smoothing_ms: tuple[float, ...],
    refractory_ms: tuple[float, ...],
    cache: Path,
    output: Path | None,
) -> None:
    """Choose threshold, smoothing and refractory time of MODEL (a file, or the name of a bundled
    one) on streams that it was not trained on and that you will not evaluate it on.

    Writes OUTPUT/detector.yaml (for 'release --detector', with the presets quiet and eager),
    tuning.json (figures with 95 % intervals and their evidence), det.csv (every setting
    tried) and det.svg.
    """
    from kws_edge.model.file import read_model
    from training.evaluation.streams.compose import find_streams
    from training.evaluation.tuning.sweep import grid_for
    from training.evaluation.tuning.tune import Target, tune
    from training.evaluation.tuning.tuning_report import write_tuning

    if not quiet <= false_accepts_per_hour <= eager:
        raise click.UsageError("expected --quiet <= --false-accepts-per-hour <= --eager")
    file = read_model(find_model(model))
    grid = grid_for(file.manifest, smoothing_ms, refractory_ms)
    targets = (
        Target("default", false_accepts_per_hour),
        Target("quiet", quiet, spare=0.05),
        Target("eager", eager),
    )
    known = find_streams(positives, labelled=True)
    tuning = tune(file, known, find_streams(negatives), targets, cache, grid, _progress)
    folder = output or Path("tuning") / file.manifest.name
    click.echo("\n".join([*write_tuning(tuning, folder), str(folder)]))


def _progress(steps: Sequence[Any]) -> Iterator[Any]:
    with click.progressbar(steps, label="tuning", file=sys.stderr, show_pos=True) as bar:
        yield from bar
