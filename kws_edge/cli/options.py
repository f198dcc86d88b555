"""Options that several commands share."""

from pathlib import Path

import click

# the reader of the file reports what is wrong with it, with the documented exit code
PATH = click.Path(path_type=Path, readable=False)

model_option = click.option(
    "--model",
    "-m",
    default="default",
    show_default=True,
    help="A model file (.tflite), or a name from 'kws-edge models'.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads of the interpreter.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
