"""``adapt``: one's own voice, or one's own words."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from training.cli.options import recipe_data_option, windows_cache_option
from training.train.log import RunLog


@click.command()
@click.argument("recordings", type=PATH)
@click.option(
    "--from",
    "start",
    type=PATH,
    default=Path("training/released/small"),
    show_default=True,
    help="The run to begin from.",
)
@click.option("--only", is_flag=True, help="Know the words of RECORDINGS and no others.")
@click.option("--name", default="own", show_default=True, help="Of the new model.")
@recipe_data_option
@click.option("--output", type=PATH, default=Path("saved_models"), show_default=True)
@windows_cache_option
def command(
    recordings: Path, start: Path, only: bool, name: str, data: Path, output: Path, cache: Path
) -> None:
    """Train a model further with RECORDINGS, a folder of labels as ``kws-edge record`` makes it.

    Takes of words that the model knows make it know this voice; other labels become new words.
    `_unknown_` (other words) and `_silence_` (the room) are used as what they are. The public
    recordings in --data are used beside them, so that it forgets nothing. Every fifth take is
    not trained on, and measured before and after.
    """
    from training.train.adapt import adapted_recipe, summary
    from training.train.compare import compare
    from training.train.start import Start
    from training.train.train_recipe import train_recipe

    begin = Start.read(start)
    recipe = adapted_recipe(begin, recordings, name, only)
    log = RunLog()
    log(summary(begin, recipe, recordings))
    run = train_recipe(
        recipe, data, output, cache, log, prepare=lambda model: begin.give_to(model, recipe.labels)
    )
    for line in compare(begin, Start(recipe, run), data, recordings):
        log(line)
    log.write(run)
    click.echo(run)
    click.echo(
        f"next: python -m training convert {run} -q int8 --data {data}\n"
        f"      kws-edge listen --model tflite_models/{name}-int8.tflite",
        err=True,
    )
