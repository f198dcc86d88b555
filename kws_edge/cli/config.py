"""``config``: check, show or start a configuration."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import click
import yaml

from kws_edge.cli.config_options import config_options, loaded_config
from kws_edge.config.settings import Loaded, user_file
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.model.bundled import find_model
from kws_edge.model.file import read_model

EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"


@click.group()
def command() -> None:
    """Check, show or start a configuration.

    Flags win over environment variables (KWS_EDGE_...), and these over the first of:
    the file named with --config, $XDG_CONFIG_HOME/kws-edge/config.yaml,
    /etc/kws-edge/config.yaml.
    """


@command.command()
@config_options
def check(config: Path | None, **given: Any) -> None:
    """Say whether the configuration is sound, with every fault there is; exit code 78."""
    loaded = loaded_config(config, given)
    check_against_model(loaded)
    click.echo(f"{loaded.file or 'no file, defaults alone'}: ok")


@command.command()
@config_options
def show(config: Path | None, **given: Any) -> None:
    """Print the configuration in force, defaults and all, as YAML."""
    loaded = loaded_config(config, given)
    click.echo(f"# {loaded.file or 'no file: defaults, environment and flags'}")
    click.echo(yaml.safe_dump(_plain(dataclasses.asdict(loaded.config)), sort_keys=False), nl=False)


@command.command()
@click.argument("path", type=click.Path(path_type=Path, readable=False), required=False)
def init(path: Path | None) -> None:
    """Write a commented example to PATH, or where a user's configuration is looked for."""
    path = path or user_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path}: is there already; nothing was changed") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(EXAMPLE.read_text())
    click.echo(path)


def check_against_model(loaded: Loaded) -> None:
    """What only the model can tell: raises `ConfigError` for keywords that it does not know."""
    manifest = read_model(find_model(loaded.config.model)).manifest
    known = manifest.keywords
    faults = [
        f"commands[{number}].keywords: the model has no {word!r} ({', '.join(known)})"
        for number, hook in enumerate(loaded.config.commands)
        for word in hook.keywords
        if word not in known
    ]
    try:
        detector = loaded.config.detector.applied_to(manifest.detector, manifest.presets)
        faults += [
            f"detector.thresholds.{word}: the model has no such keyword ({', '.join(known)})"
            for word in detector.thresholds
            if word not in known
        ]
    except ValidationErrors as error:
        faults += [f"detector.{fault}" for fault in error.faults]
    if faults:
        where = f"{loaded.file}: " if loaded.file else ""
        raise ConfigError(where + "; ".join(faults))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
