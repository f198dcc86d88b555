"""Every number of a manifest has bounds, and a value outside them is refused by its field."""

import dataclasses
import json
import math
import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from kws_edge.config.schema import FieldInfo, field_info
from kws_edge.errors import ValidationErrors
from kws_edge.model.file import find_model, read_model
from kws_edge.model.manifest import Manifest

LARGEST = 10**12  # a bound above that bounds nothing; scales alone go further


def number_fields(cls: Any, path: str = "") -> Iterator[tuple[str, bool, FieldInfo]]:
    """Path, whether it is an integer, and bounds of each number below ``cls``; the first item
    stands for a list, ``yes`` for the keys of a mapping."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        for hint, place in leaves(hints[field.name], f"{path}.{field.name}".lstrip(".")):
            if dataclasses.is_dataclass(hint):
                yield from number_fields(hint, place)
            elif hint in (int, float):
                yield place, hint is int, field_info(field)


def leaves(hint: Any, place: str) -> Iterator[tuple[Any, str]]:
    arguments = typing.get_args(hint)
    if not arguments:
        yield hint, place
    elif typing.get_origin(hint) is tuple:
        yield from leaves(arguments[0], f"{place}[0]")
    elif typing.get_origin(hint) is dict:
        yield from leaves(arguments[1], f"{place}.yes")
    elif typing.get_origin(hint) is not typing.Literal:
        for argument in arguments:
            yield from leaves(argument, place)


NUMBERS = list(number_fields(Manifest))
each_number = pytest.mark.parametrize(
    ("path", "integer", "info"), [pytest.param(*number, id=number[0]) for number in NUMBERS]
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """A sound manifest in which each list and mapping has an entry."""
    whole: dict[str, Any] = json.loads(read_model(find_model("small-int8")).manifest.to_json())
    frames = whole["input"]["shape"][1]
    state = {"input": 1, "output": 1, "spec": {"shape": [1, 4], "dtype": "float32"}}
    whole["streaming"] = {"chunk_frames": frames, "input": 0, "output": 0, "states": [state]}
    for detector in (whole["detector"], whole["presets"].setdefault("yes", {})):
        detector["thresholds"] = {"yes": 0.5}
    Manifest.from_json(json.dumps(whole))
    return whole


def changed(document: dict[str, Any], path: str, value: object) -> str:
    copy: Any = json.loads(json.dumps(document))
    *parents, last = [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
    node = copy
    for key in parents:
        node = node[key]
    node[last] = value
    return json.dumps(copy)


def test_the_numbers_are_those_of_the_whole_manifest() -> None:
    paths = {path for path, _, _ in NUMBERS}
    assert {"features.fft_length", "presets.yes.gate_dbfs", "metrics[0].upper"} <= paths
    assert {"streaming.states[0].spec.shape[0]", "detector.thresholds.yes"} <= paths
    assert len(paths) > 40


@each_number
def test_a_number_has_bounds(path: str, integer: bool, info: FieldInfo) -> None:
    assert info.minimum is not None
    assert info.maximum is not None
    assert info.maximum <= (1e20 if path.endswith(".scale") else LARGEST)


@each_number
def test_a_number_out_of_bounds_is_refused_by_its_field(
    path: str, integer: bool, info: FieldInfo, document: dict[str, Any]
) -> None:
    assert info.minimum is not None
    assert info.maximum is not None
    outside: list[object] = [info.minimum - 1, 2 * abs(info.maximum) + 1, 10**400]
    outside += [info.excluded] if info.excluded is not None else []
    for value in [*outside, math.nan, math.inf, True, "1", None, [], {}]:
        with pytest.raises(ValidationErrors) as error:
            Manifest.from_json(changed(document, path, value))
        places = [fault.partition(": ")[0] for fault in error.value.faults]
        assert any(place.startswith(path) for place in places), places
        assert all(len(fault) < 300 and fault.isprintable() for fault in error.value.faults)
