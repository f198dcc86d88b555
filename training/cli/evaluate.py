"""``evaluate``: how good a model file is, on clips, in streams and on recordings of one's own."""

from typing import ClassVar

import click

from kws_edge.cli import LazyGroup


class Commands(LazyGroup):
    modules: ClassVar = {
        "clips": "training.cli.evaluate_clips",
        "stream": "training.cli.evaluate_stream",
        "recordings": "training.cli.evaluate_recordings",
        "reference": "training.cli.evaluate_reference",
    }


@click.group(cls=Commands)
def command() -> None:
    """Evaluate a model file: on clips, on streams, or on recordings of your own."""
