"""The commands of ``python -m training``, in the order in which one needs them."""

import importlib
from typing import ClassVar

import click

from kws_edge.cli import LazyGroup


class TrainingCommands(LazyGroup):
    """``modules`` maps a command's name to its module, and to its function where that is not
    ``command``."""

    modules: ClassVar = {
        "data": "training.cli.data",
        "train": "training.cli.train:train_command",
        "adapt": "training.cli.train:adapt",
        "export": "training.cli.train:export_command",
        "mine": "training.cli.mine",
        "evaluate": "training.cli.evaluate",
        "tune": "training.cli.tune",
        "release": "training.cli.release:release_command",
        "build": "training.cli.release:build_command",
        "experiment": "training.cli.experiment",
        "upgrade": "training.cli.train:upgrade_command",
    }

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.modules:
            return None
        module, _, function = self.modules[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), function or "command")
        return command


@click.group(cls=TrainingCommands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make keyword models: fetch recordings, train or adapt a network, export it to TFLite,
    evaluate it on clips, streams and recordings, tune its detector, and release it.
    ``experiment`` compares many trainings.

    The groups ``data`` and ``evaluate`` have commands of their own: see their --help.
    """
