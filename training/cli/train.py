"""``train``: a network from a configuration."""

import dataclasses
import sys
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.yaml_file import load
from training.cli.options import data_option, split_lists_option
from training.config import RunConfig


@click.command()
@click.argument("config", type=PATH)
@data_option
@split_lists_option
@click.option(
    "--output",
    type=PATH,
    default=Path("saved_models"),
    show_default=True,
    help="Where the run's folder is made.",
)
@click.option("--seed", type=int, help="Another seed than the configuration's.")
def command(
    config: Path, data: Path, split_lists: Path | None, output: Path, seed: int | None
) -> None:
    """Train the network that CONFIG (YAML) describes.

    Makes OUTPUT/<timestamp>/ with the SavedModel, config.yaml, history.csv and
    metrics.json, and prints its name.
    """
    run = load(config, RunConfig)
    if seed is not None:
        run = dataclasses.replace(run, seed=seed)
    from training.train import train  # TensorFlow takes seconds: after the checks

    folder = train(
        run, data, output, split_lists=split_lists, verbose=1 if sys.stderr.isatty() else 2
    )
    click.echo(folder)
