"""``models``: list the bundled models."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from kws_edge.cli.options import json_option
from kws_edge.model.bundled import DEFAULT_MODEL, bundled_models
from kws_edge.model.file import read_model


@dataclass(frozen=True)
class BundledModel:
    """One row of the list; ``size_kb`` is of the whole file, in units of 1,024 bytes."""

    name: str
    default: bool
    keywords: tuple[str, ...]
    size_kb: float
    quantization: str
    presets: tuple[str, ...]
    path: str


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the bundled models: name, size, keywords and detector presets.

    'kws-edge info NAME' prints one model's front end, settings and measured figures.
    """
    models = [_describe(name, path) for name, path in bundled_models().items()]
    if as_json:
        click.echo(json.dumps([asdict(model) for model in models], indent=1))
        return
    width = max((len(model.name) for model in models), default=0)
    for model in models:
        presets = f"; presets {', '.join(model.presets)}" if model.presets else ""
        click.echo(
            f"{'*' if model.default else ' '} {model.name:<{width}}  {model.size_kb:6.0f} KB"
            f"  {', '.join(model.keywords)}{presets}"
        )
    if any(model.default for model in models):
        click.echo("* is the default")


def _describe(name: str, path: Path) -> BundledModel:
    file = read_model(path)
    return BundledModel(
        name,
        name == DEFAULT_MODEL,
        file.manifest.keywords,
        round(file.size / 1024, 1),
        file.manifest.flatbuffer.quantization,
        tuple(file.manifest.presets),
        str(path),
    )
