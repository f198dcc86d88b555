"""Where the configuration comes from, and what wins.

Flags, then environment variables, then the first of these files that is there: the one
named with ``--config``, ``$XDG_CONFIG_HOME/kws-edge/config.yaml``,
``/etc/kws-edge/config.yaml``. Every setting has a flag and a variable: ``mqtt.host`` is
``--mqtt-host`` and ``KWS_EDGE_MQTT_HOST``; their values are read as YAML.
"""

import contextlib
import dataclasses
import os
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.config.config import Config, ConfigFile, document_type, parse_config
from kws_edge.config.schema import FieldInfo, did_you_mean, field_info
from kws_edge.config.yaml_file import parse_yaml, read_text
from kws_edge.errors import ConfigError, ValidationErrors

PREFIX = "KWS_EDGE_"
SYSTEM_FILE = Path("/etc/kws-edge/config.yaml")
# Variables with the prefix that are no settings: the file, the interpreter, and what commands get.
OTHER_VARIABLES = ("KWS_EDGE_CONFIG", "KWS_EDGE_INTERPRETER", "KWS_EDGE_DATA")
EVENT_PREFIX = "KWS_EDGE_EVENT_"


@dataclass(frozen=True)
class Setting:
    """One setting: its dotted ``path``, type, default, meaning, flag and environment variable."""

    path: str
    hint: Any
    default: Any
    info: FieldInfo

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
    """A configuration, the file it came from, if any, and what the environment got wrong.

    ``origins`` has the variable or flag of each setting that one of them sets; ``document`` is
    the YAML document with those values in it.
    """

    config: Config
    file: Path | None
    origins: Mapping[str, str] = dataclasses.field(default_factory=dict)
    document: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def settings() -> list[Setting]:
    """All settings, in the order of `Config`; lists and mappings are settings as a whole."""
    return list(_leaves(document_type(), ""))


def default_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The configuration file that is used where none is named; None where there is none."""
    return next((path for path in (user_file(environment), SYSTEM_FILE) if _is_there(path)), None)


def _is_there(path: Path) -> bool:
    """True also for a file that may not be looked at: reading it reports the reason."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def user_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where a user's own configuration goes."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
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
    loaded, faults = load_leniently(file, flags, environment)
    if faults:
        raise ConfigError("; ".join(faults))
    return loaded


def load_leniently(
    file: Path | None = None,
    flags: Mapping[str, str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Loaded, list[str]]:
    """As `load_config`, but faults are returned, and parts that have one keep their defaults.

    Raises `ConfigError` and `MissingFileError` only for a file that is no YAML mapping.
    """
    file = file or default_file(environment)
    content = read_text(file) if file else ""
    document = (parse_yaml(content, str(file)) if file else None) or {}
    if not isinstance(document, dict):
        raise ConfigError(f"{file}: expected a mapping, found {type(document).__name__}")
    origins: dict[str, str] = {}
    faults: list[str] = []
    for setting in settings():
        for source, name in ((environment, setting.variable), (flags or {}, setting.path)):
            if (text := source.get(name)) is not None:
                where = setting.variable if source is environment else setting.flag
                try:
                    _put(document, setting.path, parse_yaml(text, where))
                    origins[setting.path] = where
                except ConfigError as error:
                    faults.append(str(error))
    excluded = _one_of(document, origins, "model", "models")
    config, parse_faults = _parse_sound_parts(document)
    faults += [_with_origin(fault, origins, file) for fault in (*excluded, *parse_faults)]
    if file:
        config = dataclasses.replace(config, file=ConfigFile(file, content, origins))
    return Loaded(config, file, origins, document, tuple(unknown_variables(environment))), faults


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A line for each variable with our prefix that sets nothing, with the nearest known one."""
    known = {setting.variable for setting in settings()}.union(OTHER_VARIABLES)
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and not name.startswith(EVENT_PREFIX):
            yield f"{name}: unknown variable{did_you_mean(name, known)}"


def _parse_sound_parts(document: dict[str, Any]) -> tuple[Config, list[str]]:
    """The configuration of those top-level keys that have no fault, and all faults."""
    try:
        return parse_config(document), []
    except ValidationErrors as error:
        faults = list(error.faults)
    sound: dict[str, Any] = {}
    for key in (field.name for field in dataclasses.fields(document_type())):
        if key in document:
            with contextlib.suppress(ValidationErrors):
                parse_config({key: document[key]})
                sound[key] = document[key]
    return parse_config(sound), faults


def _with_origin(fault: str, origin: dict[str, str], file: Path | None) -> str:
    for path, where in origin.items():
        if fault.startswith((f"{path}:", f"{path}.", f"{path}[")):
            return f"{where}{fault[len(path) :]}"
    return f"{file}: {fault}" if file else fault


def _one_of(
    document: dict[str, Any], origins: dict[str, str], first: str, second: str
) -> list[str]:
    """Leave one of two settings that exclude each other: a flag wins over a variable, and that
    over the file. A fault where both are of one kind."""
    if not document.get(first) or not document.get(second):
        return []
    ranks = {name: _rank(origins.get(name, "")) for name in (first, second)}
    loser = min(ranks, key=lambda name: ranks[name])
    del document[loser]
    origins.pop(loser, None)
    return [f"{first} and {second} exclude each other"] * (ranks[first] == ranks[second])


def _rank(origin: str) -> int:
    return 2 if origin.startswith("--") else 1 if origin else 0


def _put(document: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        below = document.get(parent)
        document[parent] = below if isinstance(below, dict) else {}
        document = document[parent]
    document[last] = value


def _leaves(cls: type, path: str) -> Iterator[Setting]:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name = f"{path}.{field.name}" if path else field.name
        nested = nested_settings(hints[field.name])
        if nested:
            yield from _leaves(nested, name)
        else:
            yield Setting(name, hints[field.name], field.default, field_info(field))


def nested_settings(hint: Any) -> type | None:
    """The dataclass of a section, ``X`` or ``X | None``; None for any other type."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    nested = [option for option in options if dataclasses.is_dataclass(option)]
    return typing.cast(type, nested[0]) if nested else None
