"""The commands of ``python -m training``, in the order in which one needs them."""

from typing import ClassVar

import click

from kws_edge.cli import HELP, LazyGroup


class TrainingCommands(LazyGroup):
    modules: ClassVar = {
        "data": "training.cli.data",
        "train": "training.cli.train:train_command",
        "adapt": "training.cli.train:adapt",
        "synthesize-words": "training.cli.synthesize_words",
        "export": "training.cli.train:export_command",
        "mine": "training.cli.mine",
        "evaluate": "training.cli.evaluate",
        "tune": "training.cli.tune",
        "release": "training.cli.release:release_command",
        "build": "training.cli.release:build_command",
        "experiment": "training.cli.experiment",
    }


@click.group(cls=TrainingCommands, context_settings=HELP)
def main() -> None:
    """Make keyword models: fetch recordings, train or adapt a network, export it to TFLite,
    evaluate it on clips, streams and recordings, tune its detector, and release it.
    ``experiment`` compares many trainings.

    The groups ``data`` and ``evaluate`` have commands of their own: see their --help.
    """
