"""Settings written into a configuration file, which keeps its comments, order, owner and mode.

Only the lines of a key that changes are read and written by ruamel.yaml; all others stay as they
are, byte for byte.
"""

import dataclasses
import io
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kws_edge.boundary import os_reason
from kws_edge.config.config import (
    DEFAULT_PRESET,
    Config,
    ConfigFile,
    parse_config,
)
from kws_edge.config.yaml_file import compose_yaml, parse_yaml
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.extras import import_extra
from kws_edge.files import write_atomically

# The settings that `write_settings` writes, by their dotted names.
WRITTEN = (
    "detector.preset",
    "detector.threshold",
    "detector.thresholds",
    "keywords",
    "mute",
)
WIDTH = 10_000  # characters, so that no line is folded


def write_settings(
    file: ConfigFile, config: Config, active: Sequence[str], known: Sequence[str]
) -> ConfigFile:
    """Write preset, thresholds and mute of ``config`` into ``file``, and the ``active`` of the
    ``known`` keywords; the file as it is now.

    Raises `ConfigError`, and then it is as it was: where it may not be written, where it changed
    since it was read, and where what is there cannot be changed without changing more.
    """
    try:
        before = parse_config(parse_yaml(file.text, str(file.path)) or {})
        wanted = _wanted(before, config, active, known)
        text = edited(file.text, _changes(before, wanted), str(file.path))
        if not _gives(text, wanted):
            raise ConfigError(f"{file.path}: has a form that only a person can change")
        path = file.path.resolve()  # a link stays a link
        status = _status(path, file)
        if text != file.text:
            write_atomically(path, text.encode(), like=status)
    except ValidationErrors as error:
        raise ConfigError(f"{file.path}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{file.path}: cannot be written: {os_reason(error)}") from error
    return dataclasses.replace(file, text=text)


def notes_on_origins(file: ConfigFile) -> list[str]:
    """A note for each written setting that a flag or a variable replaces at the next start."""
    return [
        f"at the next start {file.origins[name]} replaces {name}"
        for name in WRITTEN
        if name in file.origins
    ]


def _wanted(before: Config, config: Config, active: Sequence[str], known: Sequence[str]) -> Config:
    """The configuration of the file alone, with the settings. A key that is there stays, for its
    comment."""
    detector = dataclasses.replace(
        before.detector,
        preset=config.detector.preset or (before.detector.preset and DEFAULT_PRESET),
        threshold=config.detector.threshold,
        thresholds=config.detector.thresholds,
    )
    if config.models != before.models:
        raise ConfigError("thresholds of several models can only be changed there by hand")
    words = before.keywords
    if set(words or known) != set(active):
        kept = tuple(word for word in words if word in active)
        words = (*kept, *(word for word in active if word not in kept))
    return dataclasses.replace(before, detector=detector, keywords=words, mute=config.mute)


def _gives(text: str, wanted: Config) -> bool:
    try:
        return parse_config(parse_yaml(text, "") or {}) == wanted
    except (ConfigError, ValidationErrors):
        return False


def _changes(before: Config, wanted: Config) -> dict[str, Any]:
    """By key of the document what differs: a value, or for ``detector`` a mapping of values."""
    changes: dict[str, Any] = {
        name: getattr(wanted, name)
        for name in ("keywords", "mute")
        if getattr(wanted, name) != getattr(before, name)
    }
    detector = {
        name: getattr(wanted.detector, name)
        for name in ("preset", "threshold", "thresholds")
        if getattr(wanted.detector, name) != getattr(before.detector, name)
    }
    return {**({"detector": detector} if detector else {}), **changes}


def _status(path: Path, file: ConfigFile) -> os.stat_result:
    """Of the file, which must still be what was read. Raises `ConfigError` and `OSError`."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{file.path}: is no regular file")
    with path.open("r+b") as now:  # a file that nobody may write stays, even in an open folder
        if now.read() != file.text.encode():
            raise ConfigError(
                f"{file.path}: was changed since it was read; take over what it says first"
            )
    return status


def edited(text: str, changes: Mapping[str, Any], where: str) -> str:
    """A YAML document with values changed or added; see `_changes`. Raises `ConfigError`."""
    root = compose_yaml(text)
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        return _with(text, changes, root, where) if changes else text
    lines = text.splitlines(keepends=True)
    sections = root.value if isinstance(root, yaml.MappingNode) else []
    starts = [key.start_mark.line for key, _ in sections] + [len(lines)]
    # from the end, so that line numbers hold
    for place, (key, value) in reversed(list(enumerate(sections))):
        if key.value in changes:
            start, end = starts[place], _end(lines, starts[place], starts[place + 1])
            one = {key.value: changes[key.value]}
            lines[start:end] = [_with("".join(lines[start:end]), one, value, where)]
    present = {key.value for key, _ in sections}
    for name in [name for name in changes if name not in present]:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        added = _with("", {name: changes[name]}, None, where)
        lines.append(added.replace("\n", "\r\n") if "\r\n" in text else added)
    return "".join(lines)


def _end(lines: Sequence[str], start: int, end: int) -> int:
    """Of a section, without the comments that follow it: they may belong to the next."""
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip()[0] == "#"):
        end -= 1
    return end


def _with(text: str, changes: Mapping[str, Any], node: yaml.Node | None, where: str) -> str:
    """The mapping ``text`` with values changed; ``node`` shows how it is indented."""
    for token in yaml.scan(text, yaml.SafeLoader):
        if isinstance(token, (yaml.AnchorToken, yaml.AliasToken)):
            raise ConfigError(
                f"{where}: has an anchor or an alias (&, *) at {', '.join(changes)}: only a person"
                " can change it"
            )
    ruamel = import_extra("ruamel.yaml", "page")
    document = ruamel.YAML()
    document.preserve_quotes, document.width = True, WIDTH
    document.allow_unicode = True
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        column = node.start_mark.column
        if isinstance(node, yaml.MappingNode):
            document.indent(mapping=max(column, 2), sequence=4, offset=2)
        else:
            document.indent(sequence=column + 2, offset=column)
    mapping = document.load(text) if text else ruamel.comments.CommentedMap()
    for key, value in changes.items():
        _put(mapping, key, value, ruamel.comments)
    out = io.StringIO()
    document.dump(mapping, out)
    return out.getvalue().replace("\n", "\r\n") if "\r\n" in text else out.getvalue()


def _put(mapping: Any, key: str, value: Any, kinds: Any) -> None:
    """Set a value; mappings and lists that are there keep the comments of their entries."""
    there = mapping.get(key)
    if isinstance(value, dict):
        if not isinstance(there, kinds.CommentedMap):
            there = mapping[key] = kinds.CommentedMap()
            if key != "detector":
                there.fa.set_flow_style()
        for name, one in value.items():
            _put(there, name, one, kinds)
    elif isinstance(value, tuple):
        if not isinstance(there, kinds.CommentedSeq):
            there = mapping[key] = kinds.CommentedSeq()
            there.fa.set_flow_style()
        for index in reversed(range(len(there))):
            if there[index] not in value:
                del there[index]
        there.extend(word for word in value if word not in there)
    elif there != value or isinstance(there, bool) != isinstance(value, bool):
        mapping[key] = value
