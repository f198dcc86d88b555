"""``release``: a model and its figures into models/."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.detector import DetectorConfig
from kws_edge.yaml_file import load


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
@click.option("--detector", type=PATH, help="Another working point (YAML).")
def command(
    model: Path,
    reports: tuple[Path, ...],
    name: str | None,
    output: Path,
    detector: Path | None,
) -> None:
    """Put MODEL into OUTPUT with the figures of REPORTS (made by 'evaluate') and a card."""
    from training.release import release

    working_point = load(detector, DetectorConfig) if detector else None
    click.echo(release(model, reports, output, name or model.stem, working_point))
