"""``release``: a model and its figures into models/."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.errors import ConfigError, ValidationErrors


@click.command()
@click.argument("model", type=PATH)
@click.argument("reports", nargs=-1, type=PATH)
@click.option("--name", help="Its name from now on.  [default: the model's]")
@click.option(
    "--output",
    type=PATH,
    default=Path("models"),
    show_default=True,
)
@click.option("--detector", type=PATH, help="Other detector settings, and presets (YAML).")
@click.option("--tuning", type=PATH, help="Folder of 'tune': its settings, figures and picture.")
@click.option("--credit", multiple=True, help="Whose other data it was trained on, in words.")
@click.option(
    "--stream", "streams", multiple=True, type=PATH, help="A report of 'evaluate-stream'."
)
def command(
    model: Path,
    reports: tuple[Path, ...],
    name: str | None,
    output: Path,
    detector: Path | None,
    tuning: Path | None,
    credit: tuple[str, ...],
    streams: tuple[Path, ...],
) -> None:
    """Put MODEL into OUTPUT with the figures of REPORTS (made by 'evaluate') and a card."""
    from training.release.operating_points import load_operating_points
    from training.release.release import release

    if detector and tuning:
        raise click.UsageError("--detector and --tuning exclude each other")
    points = load_operating_points(detector) if detector else None
    try:
        click.echo(
            release(model, reports, output, name or model.stem, points, tuning, streams, credit)
        )
    except ValidationErrors as error:
        raise ConfigError(f"{detector or tuning}: {error}") from error
