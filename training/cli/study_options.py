"""Options of the commands that work on a sweep's results."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH

results_option = click.option(
    "--results",
    type=PATH,
    default=Path("docs/study/results"),
    show_default=True,
    help="The sweep's results; what is found goes there too.",
)
models_option = click.option(
    "--models",
    type=PATH,
    default=Path("tflite_models/sweep"),
    show_default=True,
    help="Folder of the converted models.",
)
