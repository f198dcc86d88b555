"""``ablate``: what each change to a recipe does."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from training.cli.options import recipe_data_option, split_lists_option, windows_cache_option


@click.command()
@click.argument("config", type=PATH)
@recipe_data_option
@split_lists_option
@click.option(
    "--results",
    type=PATH,
    default=Path("docs/models"),
    show_default=True,
    help="Where the figures of each trial are kept.",
)
@click.option(
    "--output",
    type=PATH,
    default=Path("saved_models/ablation"),
    show_default=True,
    help="Where the runs' folders are made.",
)
@windows_cache_option
def command(
    config: Path, data: Path, split_lists: Path | None, results: Path, output: Path, cache: Path
) -> None:
    """Train the variants of CONFIG (YAML), seed by seed, each once.

    A trial that has its figures in RESULTS is not trained again, so that a run that was
    interrupted goes on where it was. ``models-page`` makes tables and pictures of them.
    """
    from training.ablation.config import Ablation, trials_of
    from training.ablation.trials import Results, run_trials

    trials = trials_of(load(config, Ablation))
    from training.train.log import RunLog
    from training.train.train_recipe import (
        train_recipe,  # TensorFlow takes seconds: after the checks
    )

    log = RunLog()
    done = run_trials(
        trials,
        Results(results),
        lambda trial: train_recipe(
            trial.recipe, data, output, cache, log, split_lists, judged_by=trial.base
        ),
        log,
    )
    click.echo(f"{done} trained, {len(trials) - done} known")
