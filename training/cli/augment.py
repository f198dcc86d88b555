"""``augment``: what augmentation makes of the recordings."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from training.cli.options import recipe_data_option
from training.train.recipe import Recipe


@click.group()
def command() -> None:
    """Listen to and look at what a recipe trains on."""


@command.command()
@click.argument("recipe", type=PATH)
@recipe_data_option
@click.option("--output", type=PATH, default=Path("preview"), show_default=True)
@click.option("--count", type=click.IntRange(1, 400), default=32, show_default=True)
def preview(recipe: Path, data: Path, output: Path, count: int) -> None:
    """Write windows of RECIPE (YAML), made of validation clips, as WAV files and one picture."""
    from training.data.preview import write_preview

    written = write_preview(load(recipe, Recipe), data, output, count)
    click.echo(f"{len(written) - 1} windows; look at {written[-1]}")
