"""Options that several commands share."""

import os
from functools import partial
from pathlib import Path

import click

from kws_edge.boundary import printable
from kws_edge.cli.options import PATH
from kws_edge.errors import KwsEdgeError
from kws_edge.model.file import folder


class FaultLog:
    """Prints what is wrong with each clip of many, and keeps the exit code of the last."""

    exit_code = 0

    def __call__(self, error: KwsEdgeError) -> None:
        click.echo(f"python -m training: {printable(str(error))}", err=True)
        self.exit_code = error.exit_code


def default_data() -> Path:
    """The folder of labels: in ``$KWS_EDGE_DATA`` where that is set, else where fetch puts it."""
    return Path(os.environ.get("KWS_EDGE_DATA", "data")) / "mini_speech_commands"


data_option = click.option(
    "--data",
    type=PATH,
    default=default_data,
    show_default="$KWS_EDGE_DATA/mini_speech_commands or data/mini_speech_commands",
    help="Folder of labels, each a folder of clips.",
)
root_option = click.option(
    "--data",
    type=PATH,
    envvar="KWS_EDGE_DATA",
    default=Path("data"),
    show_default="$KWS_EDGE_DATA or data",
    help="Folder that contains the folders of the configuration.",
)
start_option = partial(
    click.option,
    "--from",
    "start",
    type=PATH,
    default=folder("models") / "small-int8" / "run",
    show_default="that of small-int8",
)
split_lists_option = click.option(
    "--split-lists",
    type=PATH,
    help="Folder with the lists of the split 'lists': training, validation and testing .txt, a"
    " course's or the data set's own.",
)
cache_option = click.option(
    "--cache",
    type=PATH,
    default=Path(".cache/features"),
    help="Folder for the features of clips and of drawn windows.",
)
