"""Options that several commands share."""

import os
from pathlib import Path

import click

from kws_edge.cli.options import PATH


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
split_lists_option = click.option(
    "--split-lists",
    type=PATH,
    help="Folder with the lists of the split 'lists' (training, validation, testing .txt).",
)
cache_option = click.option(
    "--cache",
    type=PATH,
    default=Path(".cache/features"),
    help="Folder for the features of clips and of drawn windows.",
)
