"""What a field of the configuration means, with its unit and bounds, written once in the field.

The parser refuses values outside the bounds; ``--help``, ``kws-edge config reference`` and
docs/configuration.md print the same text.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kws_edge.errors import ValidationErrors

_KEY = "setting"


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
    metadata = {_KEY: FieldInfo(doc, **info)}
    if factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    if default is not dataclasses.MISSING:
        return dataclasses.field(default=default, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def field_info(field: "dataclasses.Field[Any]") -> FieldInfo:
    """The information of a field; an empty one where it was made without `setting`."""
    info = field.metadata.get(_KEY)
    return info if isinstance(info, FieldInfo) else FieldInfo("")


def bounds_faults(name: str, value: object, info: FieldInfo) -> Iterator[str]:
    """Faults of a number, or of the numbers in a mapping, that lie outside the bounds."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from bounds_faults(f"{name}.{key}", item, info)
    elif type(value) in (int, float) and not info.contains(value):  # type: ignore[arg-type]
        yield f"{name}: {shortened(value)} is not within {info.bounds}"


def check_bounds(settings: Any) -> None:
    """For ``__post_init__``: raises `ValidationErrors` naming every field outside its bounds."""
    faults = [
        fault
        for field in dataclasses.fields(settings)
        for fault in bounds_faults(field.name, getattr(settings, field.name), field_info(field))
    ]
    if faults:
        raise ValidationErrors(faults)


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
