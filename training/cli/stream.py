"""``stream``: test streams with known truth, made from a description."""

import os
from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load


def default_folder() -> Path:
    """``$KWS_EDGE_DATA`` where that is set, else where fetch puts its folder."""
    return Path(os.environ.get("KWS_EDGE_DATA", "data"))


@click.group()
def command() -> None:
    """Make streams in which it is known what is spoken when."""


@command.command()
@click.argument("configs", nargs=-1, required=True, type=PATH)
@click.option(
    "--data",
    type=PATH,
    default=default_folder,
    show_default="$KWS_EDGE_DATA or data",
    help="Folder in which the folders that CONFIGS name lie.",
)
@click.option("--output", type=PATH, default=Path("streams"), show_default=True)
def make(configs: tuple[Path, ...], data: Path, output: Path) -> None:
    """Compose the streams that CONFIGS (YAML) describe.

    Writes OUTPUT/<name>.wav and the label track OUTPUT/<name>.labels.txt (Audacity's: start,
    end, label). The same description and files give the same stream, bit for bit.
    """
    from training.data.augmentation import RATE
    from training.evaluation.streams.compose import compose
    from training.evaluation.streams.config import StreamConfig
    from training.evaluation.streams.files import write_stream

    for path in configs:
        config = load(path, StreamConfig)
        stream = compose(config, data)
        written = write_stream(stream, config.name, output)
        labels = {word.label for word in stream.words}
        click.echo(
            f"{written}: {len(stream.samples) / RATE:.1f} s, {len(stream.words)} words"
            f" of {len(labels)} labels"
        )
