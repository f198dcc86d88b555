"""``upgrade``: runs made before TrainingConfig."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--folder",
    default="mini_speech_commands",
    show_default=True,
    help="Folder of labels, below --data, of a run of the old 'train', which did not record it.",
)
def command(runs: tuple[Path, ...], folder: str) -> None:
    """Rewrite the configuration of RUNS in the present form, with the settings that they were
    trained with. The weights stay as they are."""
    from training.train.old_runs import upgrade

    for run in runs:
        config = upgrade(run, folder)
        click.echo(
            f"{run}: {config.network.architecture}, {config.schedule.epochs} epochs, batches of"
            f" {config.schedule.batch_size}"
        )
