"""``train``: a network from a configuration."""

import dataclasses
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from training.cli.options import cache_option, root_option, split_lists_option
from training.config import TrainingConfig
from training.train.run import RunLog


@click.command()
@click.argument("config", type=PATH)
@root_option
@split_lists_option
@click.option(
    "--output",
    type=PATH,
    default=Path("saved_models"),
    show_default=True,
    help="Where the run's folder is made.",
)
@cache_option
@click.option("--seed", type=int, help="Another seed than the configuration's.")
@click.option(
    "--test",
    is_flag=True,
    help="After training, read the testing part, too: once, when nothing is chosen by it any more.",
)
def command(
    config: Path,
    data: Path,
    split_lists: Path | None,
    output: Path,
    cache: Path,
    seed: int | None,
    test: bool,
) -> None:
    """Train the network that CONFIG (YAML) describes.

    Makes OUTPUT/<timestamp>/ with config.yaml, history.csv, metrics.json, log.txt, the weights
    and, in TensorFlow, the SavedModel, and prints its name. KERAS_BACKEND=jax or torch trains
    without TensorFlow, often faster; export then makes the SavedModel. Windows drawn by a run
    that was interrupted are used by the next.
    """
    what = load(config, TrainingConfig)
    if seed is not None:
        what = dataclasses.replace(what, seed=seed)
    from training.train.train import train  # Keras takes seconds: after the checks

    log = RunLog()
    folder = train(what, data, output, cache=cache, split_lists=split_lists, report=log, test=test)
    log.write(folder)
    click.echo(folder)
