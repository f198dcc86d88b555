"""Where the configuration comes from, and what wins.

Flags, then environment variables, then the first of these files that is there: the one
named with ``--config``, ``$XDG_CONFIG_HOME/kws-edge/config.yaml``,
``/etc/kws-edge/config.yaml``. Every setting has a flag and a variable: ``mqtt.host`` is
``--mqtt-host`` and ``KWS_EDGE_MQTT_HOST``; their values are read as YAML.
"""

import dataclasses
import os
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.config.config import Config
from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import parse_yaml, read_yaml
from kws_edge.errors import ConfigError, ValidationErrors

PREFIX = "KWS_EDGE_"
SYSTEM_FILE = Path("/etc/kws-edge/config.yaml")


@dataclass(frozen=True)
class Setting:
    """One setting: its dotted ``path``, flag and environment variable."""

    path: str

    @property
    def flag(self) -> str:
        return "--" + self.path.replace(".", "-").replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.path.replace(".", "_").upper()

    @property
    def parameter(self) -> str:
        """The name of the flag as a Python argument."""
        return self.path.replace(".", "_")


@dataclass(frozen=True)
class Loaded:
    """A configuration and the file it came from, if any."""

    config: Config
    file: Path | None


def settings() -> list[Setting]:
    """All settings, in the order of `Config`; lists and mappings are settings as a whole."""
    return [Setting(path) for path in _leaves(Config, "")]


def default_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The configuration file that is used where none is named; None where there is none."""
    return next((path for path in (user_file(environment), SYSTEM_FILE) if path.exists()), None)


def user_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where a user's own configuration goes."""
    home = environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(home) / "kws-edge" / "config.yaml"


def load_config(
    file: Path | None = None,
    flags: Mapping[str, str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Loaded:
    """The configuration in force. ``flags`` are by `Setting.path`, as text.

    Raises `ConfigError` with every fault, each with the file, variable or flag it is in,
    and `MissingFileError` where a file that was named is not there.
    """
    file = file or default_file(environment)
    document = (read_yaml(file) if file else None) or {}
    if not isinstance(document, dict):
        raise ConfigError(f"{file}: expected a mapping, found {type(document).__name__}")
    origin: dict[str, str] = {}
    for setting in settings():
        for source, name in ((environment, setting.variable), (flags or {}, setting.path)):
            if (text := source.get(name)) is not None:
                where = setting.variable if source is environment else setting.flag
                _put(document, setting.path, parse_yaml(text, where))
                origin[setting.path] = where
    try:
        return Loaded(parse(Config, document), file)
    except ValidationErrors as error:
        named = [_with_origin(fault, origin, file) for fault in error.faults]
        raise ConfigError("; ".join(named)) from error


def _with_origin(fault: str, origin: dict[str, str], file: Path | None) -> str:
    for path, where in origin.items():
        if fault.startswith((f"{path}:", f"{path}.", f"{path}[")):
            return f"{where}{fault[len(path) :]}"
    return f"{file}: {fault}" if file else fault


def _put(document: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        below = document.get(parent)
        document[parent] = below if isinstance(below, dict) else {}
        document = document[parent]
    document[last] = value


def _leaves(cls: type, path: str) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name = f"{path}.{field.name}" if path else field.name
        nested = _nested(hints[field.name])
        if nested:
            yield from _leaves(nested, name)
        else:
            yield name


def _nested(hint: Any) -> type | None:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    nested = [option for option in options if dataclasses.is_dataclass(option)]
    return typing.cast(type, nested[0]) if nested else None
