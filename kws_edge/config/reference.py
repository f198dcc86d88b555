"""The configuration reference and the configuration in force, both as text."""

import dataclasses
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kws_edge.config.config import EngineConfig, document_type
from kws_edge.config.schema import field_info, type_name
from kws_edge.config.settings import Loaded, Setting, nested_settings, settings
from kws_edge.detection.detector import DetectorConfig

HEAD = """# Configuration reference

`kws-edge config reference` writes this page from the dataclasses that hold the settings; a test
keeps it equal. [operations.md](operations.md#configure) says where the file lies and what wins.

Every key below, but those within lists (`[]`), is also a flag and an environment variable:
`mqtt.host` is `--mqtt-host` and `KWS_EDGE_MQTT_HOST`. Their values are YAML, so
`--commands '[{run: [notify-send, kws-edge]}]'` sets the list as a whole.
"""
COLUMNS = "| key | type | unit | default | bounds | meaning |\n|---|---|---|---|---|---|"
HIDDEN = "HIDDEN"
# Names of values that must not reach a log or a bug report.
_NAMES = r"(?:token|secret|passw(?:or)?d|passphrase|api[-_]?key|auth(?:orization)?|bearer)"
_ASSIGNED = re.compile(rf"(?i)([\w-]*{_NAMES}[\w-]*\s*[=:]\s*(?:bearer\s+|basic\s+)?)[^\s&]+")
_BEARER = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}")
_IN_URL = re.compile(r"(\w+://[^/\s:@]*:)[^/\s@]+@")
_OPTION = re.compile(rf"(?i)--?[\w-]*{_NAMES}[\w-]*")


def reference() -> str:
    """All keys as a page of Markdown."""
    document = document_type()
    parts = [HEAD, "## Engine\n", COLUMNS]
    sections = []
    hints = typing.get_type_hints(document)
    for field in dataclasses.fields(document):
        nested = _section_type(hints[field.name])
        if nested is None:
            parts.append(_row(field.name, hints[field.name], field))
        else:
            sections.append((field, nested))
    for field, nested in sections:
        many = typing.get_origin(hints[field.name]) is tuple
        is_sink = field.name not in {f.name for f in dataclasses.fields(EngineConfig)}
        optional = " Nothing by default." if is_sink else ""
        parts += [f"\n## `{field.name}`\n", f"{field_info(field).doc.strip()}{optional}\n", COLUMNS]
        prefix = f"{field.name}[]" if many else field.name
        inner = typing.get_type_hints(nested)
        parts += [_row(f"{prefix}.{f.name}", inner[f.name], f) for f in dataclasses.fields(nested)]
    return "\n".join(parts) + "\n"


def option_help(setting: Setting) -> str:
    """What ``--help`` says of a flag: meaning, bounds, default and variable."""
    notes = [setting.info.bounds or setting.info.unit, _default_note(setting), setting.variable]
    return f"{setting.info.doc}  [{'; '.join(note for note in notes if note)}]"


def in_force(loaded: Loaded, detector: DetectorConfig | None = None) -> str:
    """The configuration as YAML, each setting with its origin as a comment, secrets hidden.

    ``detector``, the detector settings in force, completes the comments of those that come from
    the model. Without secrets, the text is a configuration that gives the same settings.
    """
    lines, open_sections = [], set()
    for setting in settings():
        if setting.path == "model" and loaded.config.models:  # one of the two
            continue
        value = _value(loaded, setting.path)
        section, _, name = setting.path.rpartition(".")
        if section and value is None and not _present(loaded, section):
            continue
        if section and section not in open_sections:
            open_sections.add(section)
            lines.append(f"{section}:")
        indent = "  " if section else ""
        text = yaml.safe_dump(
            hidden(_plain(value)), default_flow_style=True, allow_unicode=True, width=10**6
        )
        text = text.removesuffix("...\n").strip()
        own = getattr(detector, name, None) if section == "detector" and value is None else None
        origin = _origin(loaded, setting) + (f", {own}" if own not in (None, {}) else "")
        lines.append(f"{indent}{name}: {text}  # {origin}")
    return "\n".join(lines) + "\n"


def hidden(value: Any) -> Any:
    """``value`` with passwords and tokens in its texts replaced, such as in arguments."""
    if isinstance(value, dict):
        return {key: hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        after_option = [False, *(isinstance(v, str) and bool(_OPTION.fullmatch(v)) for v in value)]
        return [
            HIDDEN if secret and isinstance(item, str) else hidden(item)
            for item, secret in zip(value, after_option, strict=False)
        ]
    if not isinstance(value, str):
        return value
    for pattern in (_ASSIGNED, _BEARER):
        value = pattern.sub(rf"\g<1>{HIDDEN}", value)
    return _IN_URL.sub(rf"\g<1>{HIDDEN}@", value)


def _section_type(hint: Any) -> type | None:
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        return typing.cast(type, item) if dataclasses.is_dataclass(item) else None
    return nested_settings(hint)


def _row(key: str, hint: Any, field: "dataclasses.Field[Any]") -> str:
    info = field_info(field)
    required = field.default is dataclasses.MISSING
    default = "required" if required else info.unset or _code(field.default)
    bounds = dataclasses.replace(info, unit="").bounds
    kind = _short_type(hint)
    return f"| `{key}` | {kind} | {info.unit} | {default} | {bounds} | {_cell(info.doc)} |"


def _short_type(hint: Any) -> str:
    """Without "or nothing": a key may always be left out."""
    words = type_name(hint).removesuffix(" or nothing").replace("a finite number", "number")
    if words == "a mapping" and nested_settings(hint) is None:
        return "mapping of numbers"
    words = words.replace("a mapping", "mapping").replace("an integer", "integer")
    return words.replace("a list of", "list of").replace("a path", "path").replace("'", "`")


def _code(value: Any) -> str:
    if isinstance(value, tuple):
        return "`[]`"
    return f"`{yaml.safe_dump(value).removesuffix('...' + chr(10)).strip()}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default_note(setting: Setting) -> str:
    value = setting.default
    if value is dataclasses.MISSING:
        return f"required for {setting.path.partition('.')[0]}"
    if isinstance(value, float):
        value = f"{value:g}"
    return f"default: {setting.info.unset or ('none' if value == () else str(value).lower())}"


def _value(loaded: Loaded, path: str) -> Any:
    section, _, name = path.rpartition(".")
    if not section:
        return getattr(loaded.config, path, loaded.config.sinks.get(path, []))
    holder = getattr(loaded.config, section, loaded.config.sinks.get(section))
    return getattr(holder, name, None)


def _present(loaded: Loaded, section: str) -> bool:
    return hasattr(loaded.config, section) or section in loaded.config.sinks


def _origin(loaded: Loaded, setting: Setting) -> str:
    if setting.path in loaded.origins:
        return loaded.origins[setting.path]
    place: Any = loaded.document
    for name in setting.path.split("."):
        if not isinstance(place, dict) or name not in place:
            return f"default: {setting.info.unset}" if setting.info.unset else "default"
        place = place[name]
    return str(loaded.file)


def _plain(value: Any) -> Any:
    """Only what YAML has: mappings, lists, texts, numbers; unset fields of list items left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in _set_fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _set_fields(value: Any) -> Iterator["dataclasses.Field[Any]"]:
    return (f for f in dataclasses.fields(value) if getattr(value, f.name) is not None)
