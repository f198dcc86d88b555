"""``release``: a model file with its card; ``build``: the chain to it from model.yaml."""

import os
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.errors import ConfigError, ValidationErrors


@click.command("release")
@click.argument("model", type=PATH)
@click.argument("reports", nargs=-1, type=PATH)
@click.option("--name", help="The released model's name.  [default: the model's]")
@click.option(
    "--output", type=PATH, default=Path("models"), help="Folder in which to create NAME/."
)
@click.option(
    "--about",
    type=PATH,
    help="A model.yaml (or its folder): description, attribution and limits for the card.",
)
@click.option("--detector", type=PATH, help="Other detector settings, and presets (YAML).")
@click.option("--tuning", type=PATH, help="Folder of 'tune': its settings, figures and picture.")
@click.option(
    "--stream", "streams", multiple=True, type=PATH, help="A report of 'evaluate-stream'."
)
def release_command(
    model: Path,
    reports: tuple[Path, ...],
    name: str | None,
    output: Path,
    about: Path | None,
    detector: Path | None,
    tuning: Path | None,
    streams: tuple[Path, ...],
) -> None:
    """Put MODEL into OUTPUT/NAME with the figures of REPORTS (made by 'evaluate') and a card.

    'build' does this, and all steps before it, from models/NAME/model.yaml.
    """
    from training.config import attribution_text
    from training.evaluation.streams.evaluate import load_operating_points
    from training.release.model_config import load_model_plan
    from training.release.release import CardText, ReleaseEvidence, release

    if detector and tuning:
        raise click.UsageError("--detector and --tuning exclude each other")
    points = load_operating_points(detector) if detector else None
    text, attribution = CardText(), None
    if about:
        plan = load_model_plan(about)
        text = CardText(plan.config.description, plan.config.limits)
        attribution = attribution_text(plan.attribution)
    evidence = ReleaseEvidence(reports, streams, tuning)
    try:
        click.echo(release(model, output, name or model.stem, evidence, text, points, attribution))
    except ValidationErrors as error:
        raise ConfigError(f"{detector or tuning}: {error}") from error


STEP_NAMES = ("data", "train", "export", "streams", "tune", "evaluate", "release")


@click.command("build")
@click.argument("model", type=PATH)
@click.option(
    "--data",
    type=PATH,
    envvar="KWS_EDGE_DATA",
    default=Path("data"),
    show_default="$KWS_EDGE_DATA or data",
    help="Folder with the data sets; missing ones are made in it.",
)
@click.option("--work", type=PATH, help="Folder for intermediate results.  [default: runs/NAME]")
@click.option(
    "--from",
    "first",
    type=click.Choice(STEP_NAMES),
    help="Run this step and all later ones again, even if they are done.",
)
@click.option(
    "--to",
    "last",
    type=click.Choice(STEP_NAMES),
    default=STEP_NAMES[-1],
    help="Stop after this step. With the same --from, it runs alone.",
)
def build_command(model: Path, data: Path, work: Path | None, first: str | None, last: str) -> None:
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
    from training.release.model_config import load_model_plan
    from training.release.steps import build
    from training.release.workspace import Workspace

    plan = load_model_plan(model)
    space = Workspace(plan, data, work or Path("runs") / plan.name, backend)
    build(space, lambda line: click.echo(line, err=True), first, last)
    if last == STEP_NAMES[-1]:
        click.echo(plan.folder / f"{plan.name}.tflite")
