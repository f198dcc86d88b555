"""The commands of ``python -m training``, one a file."""

from typing import ClassVar

import click

from kws_edge.cli.run import LazyGroup


class Commands(LazyGroup):
    modules: ClassVar = {
        "dataset": "training.cli.dataset",
        "train": "training.cli.train",
        "augment": "training.cli.augment",
        "recipe": "training.cli.recipe",
        "adapt": "training.cli.adapt",
        "experiment": "training.cli.experiment",
        "convert": "training.cli.convert",
        "evaluate": "training.cli.evaluate",
        "stream": "training.cli.stream",
        "evaluate-stream": "training.cli.evaluate_stream",
        "tune": "training.cli.tune",
        "release": "training.cli.release",
        "field-test": "training.cli.field_test",
        "field-reference": "training.cli.field_reference",
    }


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make keyword models: fetch recordings, train, experiment, convert to TFLite, evaluate,
    and judge recordings of one's own."""
