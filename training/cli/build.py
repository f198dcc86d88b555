"""``build``: a released model from its model.yaml."""

import os
from pathlib import Path

import click

from kws_edge.cli.options import PATH

STEP_NAMES = ("data", "train", "export", "streams", "tune", "evaluate", "release")


@click.command()
@click.argument("model", type=PATH)
@click.option(
    "--data",
    type=PATH,
    envvar="KWS_EDGE_DATA",
    default=Path("data"),
    show_default="$KWS_EDGE_DATA or data",
    help="Folder that holds the data sets, and gets those that are made.",
)
@click.option("--work", type=PATH, help="Folder of all that is not released.  [default: runs/NAME]")
@click.option(
    "--from",
    "first",
    type=click.Choice(STEP_NAMES),
    help="Run this step and those after it again, whether done before or not.",
)
@click.option(
    "--to",
    "last",
    type=click.Choice(STEP_NAMES),
    default=STEP_NAMES[-1],
    show_default=True,
    help="Stop after this step. With the same --from, it runs alone.",
)
def command(model: Path, data: Path, work: Path | None, first: str | None, last: str) -> None:
    """Build MODEL, a folder NAME with model.yaml, from recordings to NAME.tflite and its card.

    Steps: data (download or make), train, export, streams (compose), tune, evaluate, release.
    A step that is done is skipped while its inputs (settings in model.yaml, recordings, earlier
    steps) stay the same, so a build that was interrupted continues. KERAS_BACKEND=jax or torch
    holds for the training alone.
    """
    if first and STEP_NAMES.index(first) > STEP_NAMES.index(last):
        raise click.UsageError(f"--from {first} comes after --to {last}")
    backend = os.environ.get("KERAS_BACKEND", "")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # before Keras is imported: export needs it
    from training.release.build import build
    from training.release.model_config import load_model_plan
    from training.release.workspace import Workspace

    plan = load_model_plan(model)
    space = Workspace(plan, data, work or Path("runs") / plan.name, backend)
    build(space, lambda line: click.echo(line, err=True), first, last)
    if last == STEP_NAMES[-1]:
        click.echo(plan.folder / f"{plan.name}.tflite")
