"""The commands of ``python -m training``, one a file, in the order in which one needs them."""

from typing import ClassVar

import click

from kws_edge.cli import LazyGroup


class Commands(LazyGroup):
    modules: ClassVar = {
        "data": "training.cli.data",
        "train": "training.cli.train",
        "adapt": "training.cli.adapt",
        "export": "training.cli.export",
        "evaluate": "training.cli.evaluate",
        "tune": "training.cli.tune",
        "release": "training.cli.release",
        "build": "training.cli.build",
        "experiment": "training.cli.experiment",
        "upgrade": "training.cli.upgrade",
    }


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make keyword models: fetch recordings, train or adapt a network, export it to TFLite,
    evaluate it on clips, streams and recordings, tune its detector, and release it.
    ``experiment`` compares many trainings.

    The groups ``data`` and ``evaluate`` have commands of their own: see their --help.
    """
