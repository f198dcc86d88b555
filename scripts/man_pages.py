#!/usr/bin/env python3
"""Write a man page for each command, from its help, with click-man.

pip install click-man
scripts/man_pages.py FOLDER        kws-edge.1, kws-edge-listen.1, ...; man -l FOLDER/kws-edge.1
"""

import re
import sys
from pathlib import Path

import click
from click_man.core import write_man_pages

from kws_edge import __version__
from kws_edge.cli import main


def write(folder: Path) -> list[Path]:
    """The pages, sorted by name."""
    folder.mkdir(parents=True, exist_ok=True)
    context = click.Context(main, info_name="kws-edge")
    # click-man asks a group for `commands`, which ours imports only when they are called
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command
        main.add_command(command, name)
    write_man_pages("kws-edge", main, version=__version__, target_dir=str(folder))
    pages = sorted(folder.glob("kws-edge*.1"))
    for page in pages:  # a quotation mark at the start of a line would begin a macro
        page.write_text(re.sub("^'", r"\\(aq", page.read_text(), flags=re.MULTILINE))
    return pages


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: scripts/man_pages.py FOLDER")
    for path in write(Path(sys.argv[1])):
        print(path)
