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
        "ablate": "training.cli.ablate",
        "models-page": "training.cli.models_page",
        "sweep": "training.cli.sweep",
        "convert": "training.cli.convert",
        "evaluate": "training.cli.evaluate",
        "stream": "training.cli.stream",
        "evaluate-stream": "training.cli.evaluate_stream",
        "tune": "training.cli.tune",
        "convert-all": "training.cli.convert_all",
        "test-all": "training.cli.test_all",
        "latency": "training.cli.latency",
        "report": "training.cli.report",
        "release": "training.cli.release",
        "build": "training.cli.build",
        "field-test": "training.cli.field_test",
        "field-reference": "training.cli.field_reference",
    }


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make keyword models: fetch recordings, train, sweep, convert to TFLite, evaluate,
    and judge recordings of one's own."""
