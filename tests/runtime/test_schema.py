"""Configuration: strict, all faults at once, keywords that stay words."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import load, read_yaml
from kws_edge.errors import ConfigError, MissingFileError, ValidationErrors


@dataclass(frozen=True)
class Inner:
    level: float
    kind: Literal["loud", "quiet"] = "loud"

    def __post_init__(self) -> None:
        if self.level < 0:
            raise ValidationErrors([f"level: {self.level} is below 0"])


@dataclass(frozen=True)
class Outer:
    name: str
    words: tuple[str, ...]
    inner: Inner
    count: int = 3
    limits: dict[str, float] = field(default_factory=dict)
    size: int | Literal["auto"] = "auto"


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_a_full_configuration(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "name: a\nwords: [yes, no, on, off]\ninner: {level: 1e-3, kind: quiet}\n"
        "limits: {no: 1}\nsize: 4\n",
    )
    expected = Outer("a", ("yes", "no", "on", "off"), Inner(1e-3, "quiet"), 3, {"no": 1.0}, 4)
    assert load(path, Outer) == expected


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path, "nmae: a\nwords: yes\ninner: {level: -1, kind: laud}\ncount: 1.5\nsize: big\n"
    )
    with pytest.raises(ConfigError) as error:
        load(path, Outer)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    for fault in (
        "nmae: unknown, did you mean name?",
        "name: missing",
        "words: found str 'yes', expected a list of text",
        "inner.kind: found 'laud', expected one of loud, quiet, did you mean loud?",
        "count: found float 1.5, expected an integer",
        "size: found str 'big', expected an integer or 'auto'",
    ):
        assert fault in message


def test_what_a_dataclass_refuses_is_named_by_its_path() -> None:
    with pytest.raises(ValidationErrors, match=r"^inner\.level: -1\.0 is below 0$"):
        parse(Outer, {"name": "a", "words": [], "inner": {"level": -1}})


@pytest.mark.parametrize(
    ("value", "found"),
    [([1], "list"), ("text", "str"), (None, "NoneType"), (3, "int"), ({1: 2}, "unknown")],
)
def test_no_mapping(value: object, found: str) -> None:
    with pytest.raises(ValidationErrors, match=found):
        parse(Outer, value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "1"])
def test_a_number_is_a_finite_number(value: object) -> None:
    with pytest.raises(ValidationErrors, match="expected a finite number"):
        parse(Inner, {"level": value})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("1e-3", 1e-3),
        ("1.", 1.0),
        (".5", 0.5),
        ("12", 12),
        ("-7", -7),
        ("010", 10),
        ("0o17", 15),
        ("0x1f", 31),
        ("~", None),
        ("", None),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
    ],
)
def test_plain_values_follow_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    found = read_yaml(write(tmp_path, f"key: {text}\n"))["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' stands here twice"),
        ("a: {b: 1, b: 2}\n", "line 1: the key 'b' stands here twice"),
        ("1: a\n", "line 1: the key 1 is not text: quote it"),
        ("a: [1\n", "line 2"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "line 1: a tag (!!...) does not fit its value",
        ),
        ("\tb: 1\n", "line 1"),
    ],
)
def test_bad_yaml_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read_yaml(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="No such file"):
        read_yaml(tmp_path / "none.yaml")
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_yaml(path)
