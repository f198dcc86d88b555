"""``release``: a model file and its figures become NAME/NAME.tflite and a card."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.errors import ConfigError, ValidationErrors


@click.command()
@click.argument("model", type=PATH)
@click.argument("reports", nargs=-1, type=PATH)
@click.option("--name", help="The released model's name.  [default: the model's]")
@click.option(
    "--output",
    type=PATH,
    default=Path("models"),
    show_default=True,
    help="Where the folder NAME goes.",
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
def command(
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
    from training.evaluation.operating_points import load_operating_points
    from training.release.card import CardText
    from training.release.model_config import load_model_plan
    from training.release.release import Evidence, release

    if detector and tuning:
        raise click.UsageError("--detector and --tuning exclude each other")
    points = load_operating_points(detector) if detector else None
    text, attribution = CardText(), None
    if about:
        plan = load_model_plan(about)
        text = CardText(plan.config.description, plan.config.limits)
        attribution = attribution_text(plan.attribution)
    evidence = Evidence(reports, streams, tuning)
    try:
        click.echo(release(model, output, name or model.stem, evidence, text, points, attribution))
    except ValidationErrors as error:
        raise ConfigError(f"{detector or tuning}: {error}") from error
