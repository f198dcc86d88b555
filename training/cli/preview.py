"""``data preview``: the windows that a network trains on, to listen to and to look at."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from training.cli.options import root_option
from training.config import TrainingConfig


@click.command()
@click.argument("config", type=PATH)
@root_option
@click.option("--output", type=PATH, default=Path("preview"), show_default=True)
@click.option("--count", type=click.IntRange(1, 400), default=32, show_default=True)
def preview(config: Path, data: Path, output: Path, count: int) -> None:
    """Write training windows of CONFIG (YAML), made of validation clips, as WAV files and one
    picture."""
    from training.data.preview import write_preview

    written = write_preview(load(config, TrainingConfig), data, output, count)
    click.echo(f"{len(written) - 1} windows; look at {written[-1]}")
