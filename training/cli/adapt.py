"""``adapt``: one's own voice, or one's own words."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.model.bundled import folder
from training.cli.options import cache_option, root_option
from training.train.run import RunLog


@click.command()
@click.argument("recordings", type=PATH)
@click.option(
    "--from",
    "start",
    type=PATH,
    default=folder("models") / "small-int8" / "run",
    show_default="that of small-int8",
    help="The run to begin from.",
)
@click.option("--only", is_flag=True, help="Detect the words of RECORDINGS and no others.")
@click.option("--name", default="own", show_default=True, help="Of the new model.")
@root_option
@click.option("--output", type=PATH, default=Path("saved_models"), show_default=True)
@cache_option
def command(
    recordings: Path, start: Path, only: bool, name: str, data: Path, output: Path, cache: Path
) -> None:
    """Train a model further with RECORDINGS, a folder of labels as ``kws-edge record`` makes it.

    Takes of words that the model knows adapt it to this voice; other labels become new words.
    `_unknown_` holds other words and `_silence_` the sound of the room. The public recordings in
    --data are used beside them, so that the model forgets nothing. Every fifth take is left out
    of training and measured before and after.
    """
    from training.train.adapt import adapted_config, compare, summary
    from training.train.run import load_run
    from training.train.train import train

    begin = load_run(start)
    config = adapted_config(begin, recordings, name, only)
    log = RunLog()
    log(summary(begin, config, recordings))
    run = train(config, data, output, cache=cache, report=log)
    for line in compare(begin, load_run(run), data, recordings):
        log(line)
    log.write(run)
    click.echo(run)
    click.echo(
        f"next: python -m training export {run} -q int8 --data {data}\n"
        f"      kws-edge listen --model tflite_models/{name}-int8.tflite",
        err=True,
    )
