"""``data streams``: test streams with known truth, made from a description."""

from pathlib import Path

import click

from kws_edge.cli.options import PATH
from kws_edge.config.yaml_file import load
from training.cli.options import root_option


@click.command()
@click.argument("configs", nargs=-1, required=True, type=PATH)
@root_option
@click.option("--output", type=PATH, default=Path("streams"), show_default=True)
def streams(configs: tuple[Path, ...], data: Path, output: Path) -> None:
    """Compose the streams that CONFIGS (YAML) describe.

    Writes OUTPUT/<name>.wav and the label track OUTPUT/<name>.labels.txt (Audacity's: start,
    end, label). The same description and files give the same stream, bit for bit.
    """
    from training.data.augmentation import RATE
    from training.evaluation.streams.compose import compose
    from training.evaluation.streams.stream_config import StreamConfig
    from training.evaluation.streams.stream_files import write_stream

    for path in configs:
        config = load(path, StreamConfig)
        stream = compose(config, data)
        written = write_stream(stream, config.name, output)
        labels = {word.label for word in stream.words}
        click.echo(
            f"{written}: {len(stream.samples) / RATE:.1f} s, {len(stream.words)} words"
            f" of {len(labels)} labels"
        )
