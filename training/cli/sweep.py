"""``sweep``: many trainings over a space of front ends."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kws_edge.cli.options import PATH
from training.cli.options import data_option, split_lists_option


@click.command()
@click.argument("config", type=PATH)
@data_option
@split_lists_option
@click.option(
    "--plan",
    type=click.Choice(["one-factor", "search"]),
    default="one-factor",
    show_default=True,
    help="Each factor alone around the base point, or Optuna's search for the best.",
)
@click.option("--trials", type=click.IntRange(1), help="Configurations that the search tries.")
@click.option("--limit", type=click.IntRange(1), help="Run so many trials and leave the rest.")
@click.option("--retry-failed", is_flag=True, help="Run trials again that failed before.")
@click.option(
    "--ray",
    metavar="ADDRESS|local",
    help="Train on the Ray cluster at ADDRESS, or on one that is started here.",
)
@click.option(
    "--results",
    type=PATH,
    default=Path("docs/study/results"),
    show_default=True,
    help="Folder of the journal and of runs/, a JSON file for each trial.",
)
@click.option(
    "--models",
    type=PATH,
    default=Path("saved_models/sweep"),
    show_default=True,
    help="Where the trained networks go, a folder for each trial.",
)
@click.option(
    "--cache",
    type=PATH,
    default=Path(".cache/features"),
    show_default=True,
    help="Where features are kept, computed once a front end.",
)
def command(**options: Any) -> None:
    """Train the networks of a sweep that CONFIG (YAML) describes; resumes where it was left.

    Trials are chosen by the validation part; the testing part is never read. Each finished
    one is RESULTS/runs/<key>.json, its network MODELS/<key>/. The command may be stopped or
    killed at any moment: called again, it runs what is left.
    """
    from training.sweep.start import Request, sweep  # Optuna takes a second

    tally = sweep(Request(**options))
    click.echo(json.dumps({k: v for k, v in asdict(tally).items() if k != "work_left"}))
