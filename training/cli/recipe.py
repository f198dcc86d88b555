"""``recipe``: a model worth shipping, from one YAML file."""

import dataclasses
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from training.cli.options import recipe_data_option, split_lists_option, windows_cache_option
from training.train.log import RunLog
from training.train.recipe import Recipe


@click.command()
@click.argument("recipe", type=PATH)
@recipe_data_option
@split_lists_option
@click.option(
    "--output",
    type=PATH,
    default=Path("saved_models"),
    show_default=True,
    help="Where the run's folder is made.",
)
@windows_cache_option
@click.option("--seed", type=int, help="Another seed than the recipe's.")
def command(
    recipe: Path,
    data: Path,
    split_lists: Path | None,
    output: Path,
    cache: Path,
    seed: int | None,
) -> None:
    """Train what RECIPE (YAML) describes: words, ``_unknown_`` and ``_silence_``.

    Makes OUTPUT/<timestamp>/ with the SavedModel, recipe.yaml, the log and the figures on the
    validation part, and prints its name. Windows drawn by a run that was interrupted are used
    by the next. KERAS_BACKEND=jax may train faster; ``convert`` then makes the
    SavedModel.
    """
    what = load(recipe, Recipe)
    if seed is not None:
        what = dataclasses.replace(what, seed=seed)
    from training.train.train_recipe import (
        train_recipe,  # TensorFlow takes seconds: after the checks
    )

    log = RunLog()
    folder = train_recipe(what, data, output, cache, log, split_lists)
    log.write(folder)
    click.echo(folder)
