"""The commands of ``kws-edge``, one a file."""

from typing import ClassVar

import click

from kws_edge import __version__
from kws_edge.cli.run import LazyGroup, run


class Commands(LazyGroup):
    modules: ClassVar = {
        "listen": "kws_edge.cli.listen",
        "predict": "kws_edge.cli.predict",
        "devices": "kws_edge.cli.devices",
        "models": "kws_edge.cli.models",
        "info": "kws_edge.cli.info",
        "check": "kws_edge.cli.check",
        "record": "kws_edge.cli.record",
        "bench": "kws_edge.cli.bench",
        "config": "kws_edge.cli.config",
        "service": "kws_edge.cli.service",
        "wyoming": "kws_edge.cli.wyoming",
    }


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kws-edge")
def main() -> None:
    """Spot spoken keywords on a live microphone, in files or in a pipe.

    Exit codes: 0 done, 1 failure, 2 usage, 65 bad model or audio, 66 missing file,
    69 no device, interpreter or address, 78 configuration.
    """


def entry_point() -> None:
    """What the console script calls."""
    run(main, "kws-edge")
