"""Configurations as documents of plain values: to YAML and JSON, and with dotted overrides."""

import copy
import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

from kws_edge.config.schema import did_you_mean
from kws_edge.errors import ValidationErrors
from training.config import TrainingConfig


def as_document(config: object) -> dict[str, Any]:
    """What `kws_edge.config.schema.parse` makes the same configuration from."""
    document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config), default=str))  # type: ignore[call-overload]
    return document


def with_overrides(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``document`` (a TrainingConfig as YAML has it) with ``overrides`` applied.

    A key is a dotted path of field names; a list, such as ``data.sources``, is replaced as a
    whole. A section that ``document`` leaves out or sets to null is created. The values are not
    checked here: `kws_edge.config.schema.parse` does that for the result. Raises
    `ValidationErrors` that name every unknown key, with the nearest known one.
    """
    result = copy.deepcopy(dict(document))
    faults = [fault for key in overrides if (fault := _unknown_key(key))]
    if faults:
        raise ValidationErrors(faults)
    for key, value in overrides.items():
        *sections, last = key.split(".")
        section = result
        for name in sections:
            if not isinstance(section.get(name), dict):
                section[name] = {}
            section = section[name]
        section[last] = copy.deepcopy(value)
    return result


def _unknown_key(key: str) -> str | None:
    """What is wrong with a dotted ``key``; None for one that names a setting."""
    kind: Any = TrainingConfig
    path: list[str] = []
    for name in key.split("."):
        kind = _section(kind)
        if typing.get_origin(kind) is dict:
            kind = typing.get_args(kind)[1]
        elif not dataclasses.is_dataclass(kind):
            return f"{key}: {'.'.join(path)} has no settings of its own"
        else:
            hints = typing.get_type_hints(kind)
            if name not in hints:
                return f"{'.'.join([*path, name])}: unknown{did_you_mean(name, hints)}"
            kind = hints[name]
        path.append(name)
    return None


def _section(kind: Any) -> Any:
    """The dataclass or dictionary among the alternatives of a field's type."""
    for alternative in (kind, *typing.get_args(kind)):
        if dataclasses.is_dataclass(alternative) or typing.get_origin(alternative) is dict:
            return alternative if typing.get_origin(kind) is not tuple else kind
    return kind
