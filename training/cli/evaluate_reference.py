"""``evaluate reference``: the usual values that ``evaluate recordings`` compares with."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from training.cli.options import data_option
from training.data.clips import Clip
from training.evaluation.recordings.samples import (
    BUNDLED_REFERENCE,
    measure_reference,
    save_reference,
)


@click.command()
@data_option
@click.option(
    "--output", type=PATH, default=BUNDLED_REFERENCE, help="[default: the one that is used]"
)
def command(data: Path, output: Path) -> None:
    """Measure the validation clips of --data, as 'evaluate recordings' does.

    Writes the percentiles of each measure: no audio and nothing about a speaker.
    """
    reference = measure_reference(data, with_progress)
    save_reference(reference, output)
    click.echo(f"{output}: {reference.clips} clips of {reference.data}")


def with_progress(clips: Sequence[Clip]) -> Iterator[Clip]:
    """A bar on stderr."""
    with click.progressbar(clips, label="measuring", file=sys.stderr, show_pos=True) as bar:
        yield from bar
