"""``train``: a network from a configuration."""

import dataclasses
import os
import sys
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
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
    metrics.json, and prints its name. With KERAS_BACKEND=jax or torch it trains without
    TensorFlow and keeps the weights alone, from which convert makes the SavedModel later.
    """
    run = load(config, RunConfig)
    if seed is not None:
        run = dataclasses.replace(run, seed=seed)
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        from training.train.train_features import train_features

        folder = train_features(
            run, data, output, Path(".cache/features"), split_lists=split_lists, report=_report
        )
    else:
        from training.train.train import train  # TensorFlow takes seconds: after the checks

        folder = train(
            run, data, output, split_lists=split_lists, verbose=1 if sys.stderr.isatty() else 2
        )
    click.echo(folder)


def _report(epoch: int, accuracy: float) -> None:
    click.echo(f"epoch {epoch}: validation {accuracy:.2%}", err=True)
