"""Mappings from YAML or JSON into frozen dataclasses, strictly and with all errors at once.

A field made with `setting` carries its meaning, unit and bounds. The parser rejects values outside
the bounds; ``--help``, ``kws-edge config reference`` and docs/configuration.md print the same text.

Supported field types: bool, int, float, str, Path, Literal, dataclasses, ``tuple[X, ...]``,
``dict[str, X]`` and unions of these. The only conversion is from int to float.
"""

import dataclasses
import difflib
import numbers
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kws_edge.errors import ValidationErrors

_KEY = "setting"

# What any value may be, whatever field it is for.
MAX_FAULTS = 100  # then parsing stops
MAX_TEXT_CHARACTERS = 10_000
MAX_PATH_CHARACTERS = 4096
MAX_KEY_CHARACTERS = 100  # of a mapping whose keys are free


@dataclass(frozen=True)
class FieldInfo:
    """``doc``: one sentence. ``unset``: what holds where the value is None or empty.

    ``minimum`` and ``maximum`` belong to the range unless ``excluded`` names them.
    """

    doc: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    excluded: float | None = None
    unset: str = ""

    @property
    def bounds(self) -> str:
        """``0 to 1 s, 0 excluded``; empty where there are none."""
        if self.minimum is None or self.maximum is None:
            return ""
        unit = f" {self.unit}" if self.unit else ""
        excluded = "" if self.excluded is None else f", {self.excluded:g} excluded"
        return f"{_number(self.minimum)} to {_number(self.maximum)}{unit}{excluded}"

    def contains(self, value: float) -> bool:
        """Whether the bounds allow ``value``; never for NaN."""
        if self.minimum is None or self.maximum is None:
            return True
        return self.minimum <= value <= self.maximum and value != self.excluded


def setting(
    default: Any = dataclasses.MISSING,
    *,
    doc: str,
    factory: Any = dataclasses.MISSING,
    **info: Any,
) -> Any:
    """A dataclass field with a `FieldInfo`; without ``default`` and ``factory`` it is required."""
    metadata = described(doc, **info)
    if factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    if default is not dataclasses.MISSING:
        return dataclasses.field(default=default, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def described(doc: str, **info: Any) -> dict[str, FieldInfo]:
    """The metadata of a field with a `FieldInfo`, for a required one among others: checkers of
    types take the result of `setting` for a default."""
    return {_KEY: FieldInfo(doc, **info)}


def field_info(field: "dataclasses.Field[Any]") -> FieldInfo:
    """The information of a field; an empty one where it was made without `setting`."""
    info = field.metadata.get(_KEY)
    return info if isinstance(info, FieldInfo) else FieldInfo("")


def bounds_faults(name: str, value: object, info: FieldInfo) -> Iterator[str]:
    """One fault for each number, alone, in a list or in a mapping, outside the bounds."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from bounds_faults(f"{name}.{key}", item, info)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from bounds_faults(f"{name}[{index}]", item, info)
    elif (
        isinstance(value, numbers.Real)  # NumPy's too
        and not isinstance(value, bool)
        and not info.contains(typing.cast(float, value))
    ):
        yield f"{name}: {shortened(value)} is not within {info.bounds}"


def check_bounds(settings: Any) -> None:
    """For ``__post_init__``: raises `ValidationErrors` naming every field outside its bounds."""
    if faults := find_bounds_faults(settings):
        raise ValidationErrors(faults)


def find_bounds_faults(settings: Any) -> list[str]:
    """One fault for each number of a dataclass outside its bounds."""
    return [
        fault
        for field in dataclasses.fields(settings)
        for fault in bounds_faults(field.name, getattr(settings, field.name), field_info(field))
    ]


def shortened(value: object) -> str:
    """``repr(value)`` in 40 characters at most, whatever its size."""
    if isinstance(value, (list, dict, tuple)) and len(value) > 10:
        return f"{len(value)} entries"
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print integers of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 40 else text[:37] + "..."


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


T = TypeVar("T")


class _Enough(Exception):  # noqa: N818 - it ends the search for errors
    def __init__(self, faults: list[str]) -> None:
        super().__init__()
        self.faults = faults


class _Faults(list[str]):
    """The faults found so far; `_Enough` ends the search at `MAX_FAULTS` of them."""

    def append(self, fault: str) -> None:
        super().append(fault)
        if len(self) >= MAX_FAULTS:
            raise _Enough([*self, f"and more: only the first {MAX_FAULTS} are listed"])

    def extend(self, faults: Iterable[str]) -> None:
        for fault in faults:
            self.append(fault)


def parse(cls: type[T], value: object, path: str = "") -> T:
    """Build ``cls`` (a dataclass) from a mapping.

    Raises `ValidationErrors` naming each field by its dotted ``path``: unknown keys (with the
    nearest known one), missing keys, wrong types, and what ``__post_init__`` refuses.
    """
    faults: list[str] = _Faults()
    try:
        result = _convert(cls, value, path, faults)
    except _Enough as enough:
        faults = enough.faults
    if faults:
        raise ValidationErrors(faults)
    return typing.cast(T, result)


def _convert(kind: Any, value: object, path: str, faults: list[str]) -> object:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(typing.cast(type, kind), value, path, faults)
    if origin is typing.Literal:
        return _literal(kind, value, path, faults)
    if origin in (typing.Union, types.UnionType):
        return _union(kind, value, path, faults)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            faults.append(_expected(kind, value, path))
            return None
        item = typing.get_args(kind)[0]
        return tuple(_convert(item, v, f"{path}[{i}]", faults) for i, v in enumerate(value))
    if origin is dict:
        return _mapping(kind, value, path, faults)
    return _scalar(kind, value, path, faults)


def _dataclass(cls: type, value: object, path: str, faults: list[str]) -> object:
    if not isinstance(value, dict):
        faults.append(_expected(cls, value, path))
        return None
    before = len(faults)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    for key in value:
        if key not in fields:
            faults.append(f"{_join(path, key)}: unknown{did_you_mean(str(key), fields)}")
    arguments = {}
    for name, field in fields.items():
        if name in value:
            place, found = _join(path, name), len(faults)
            arguments[name] = _convert(hints[name], value[name], place, faults)
            if len(faults) == found:
                faults.extend(bounds_faults(place, arguments[name], field_info(field)))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            faults.append(f"{_join(path, name)}: missing")
    if len(faults) > before:
        return None
    try:
        return cls(**arguments)
    except ValidationErrors as error:
        # not _join: it shortens long keys, and a fault may be a sentence
        faults.extend(f"{path}.{fault}" if path else fault for fault in error.faults)
        return None


def _mapping(kind: Any, value: object, path: str, faults: list[str]) -> object:
    item = typing.get_args(kind)[1]
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        faults.append(_expected(kind, value, path))
        return None
    for key in value:
        if len(key) > MAX_KEY_CHARACTERS:
            faults.append(f"{_join(path, key)}: longer than {MAX_KEY_CHARACTERS} characters")
    return {key: _convert(item, v, _join(path, key), faults) for key, v in value.items()}


def _literal(kind: Any, value: object, path: str, faults: list[str]) -> object:
    choices = typing.get_args(kind)
    if value in choices and type(value) in {type(choice) for choice in choices}:
        return value
    listed = ", ".join(str(choice) for choice in choices)
    hint = did_you_mean(str(value), [str(choice) for choice in choices])
    faults.append(f"{path}: found {shortened(value)}, expected one of {listed}{hint}")
    return None


def _union(kind: Any, value: object, path: str, faults: list[str]) -> object:
    alternatives = typing.get_args(kind)
    mappings = [a for a in alternatives if dataclasses.is_dataclass(a)]
    if isinstance(value, dict) and len(mappings) == 1:
        # only one can be meant: its own faults say more than that none fits
        return _convert(mappings[0], value, path, faults)
    reasons: list[str] = []
    for alternative in alternatives:
        attempt: list[str] = _Faults()
        result = _convert(alternative, value, path, attempt)
        if not attempt:
            return result
        # the right type with a wrong value: its fault says more than that no type fits
        reasons += [fault for fault in attempt if ", expected " not in fault]
    faults.extend(reasons or [_expected(kind, value, path)])
    return None


def _scalar(kind: Any, value: object, path: str, faults: list[str]) -> object:
    if kind is type(None) and value is None:
        return None
    if kind is float and type(value) in (int, float):
        number = typing.cast(float, value)
        if abs(number) <= sys.float_info.max:  # neither nan, inf, nor an int beyond it
            return float(number)
    elif kind in (bool, int) and type(value) is kind:
        return value
    elif kind in (str, Path) and type(value) is str and (fault := _text_fault(kind, value)):
        faults.append(f"{path}: {shortened(value)} {fault}")
        return None
    elif kind is str and type(value) is str:
        return value
    elif kind is Path and type(value) is str and value:
        return _path(value, path, faults)
    faults.append(_expected(kind, value, path))
    return None


def _text_fault(kind: type, value: str) -> str:
    longest = MAX_PATH_CHARACTERS if kind is Path else MAX_TEXT_CHARACTERS
    if len(value) > longest:
        return f"is longer than {longest} characters"
    # NUL ends a string in the system's calls; the others are halves of a character
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        return "holds a character that no text may hold"
    return ""


def _path(value: str, path: str, faults: list[str]) -> Path | None:
    try:
        return Path(value).expanduser()
    except RuntimeError:
        faults.append(f"{path}: there is no home folder for {shortened(value.split('/')[0])}")
        return None


def _expected(kind: Any, value: object, path: str) -> str:
    found = f"{type(value).__name__} {shortened(value)}"
    return f"{path or 'top level'}: found {found}, expected {type_name(kind)}"


def type_name(kind: Any) -> str:
    """A type hint in words."""
    if dataclasses.is_dataclass(kind) or kind is dict or typing.get_origin(kind) is dict:
        return "a mapping"
    if typing.get_origin(kind) is tuple:
        return f"a list of {type_name(typing.get_args(kind)[0])}"
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(type_name(k) for k in typing.get_args(kind))
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(kind))
    names = {
        float: "a finite number",
        int: "an integer",
        str: "text",
        Path: "a path",
        bool: "true or false",
    }
    return names.get(kind, "nothing")


def did_you_mean(word: str, known: typing.Iterable[str]) -> str:
    """``", did you mean X?"`` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word[:100], list(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


def _join(path: str, name: object) -> str:
    text = str(name)
    name = text if text.isprintable() and len(text) <= 60 else shortened(name)
    return f"{path}.{name}" if path else str(name)
