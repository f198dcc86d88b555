"""``release``: a model and its figures into models/."""

from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("reports", nargs=-1, type=click.Path(path_type=Path))
@click.option("--name", help="Its name from now on.  [default: the model's]")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("models"),
    show_default=True,
)
def command(model: Path, reports: tuple[Path, ...], name: str | None, output: Path) -> None:
    """Put MODEL into OUTPUT with the figures of REPORTS (made by 'evaluate') and a card."""
    from training.release import release

    click.echo(release(model, reports, output, name or model.stem))
