"""Absurd and hostile values are refused in one clear line each, without delay."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from kws_edge.config.config import DetectorOverrides, parse_config
from kws_edge.config.schema import MAX_FAULTS, field_info
from kws_edge.config.settings import load_config, settings
from kws_edge.config.yaml_file import MAX_BYTES, MAX_VALUES, parse_yaml, read_yaml
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.sinks import sink_kinds

BOMB = "x0: &a0 [l,l,l,l,l,l,l,l,l,l]\n" + "".join(
    f"x{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "detector: {smoothing_ms: 1.0e12}",
            "detector.smoothing_ms: 1000000000000.0 is not within",
        ),
        ("detector: {refractory_ms: 1.0e308}", "detector.refractory_ms: 1e+308 is not within"),
        ("detector: {thresholds: {yes: 2}}", "detector.thresholds.yes: 2.0 is not within 0 to 1"),
        ("detector: {hop_ms: 0}", "detector.hop_ms: 0.0 is not within 1 to 60000 ms"),
        ("threads: 1000000", "threads: 1000000 is not within 1 to 64"),
        ("threads: 0x" + "f" * 9000, "threads: a number of thousands of digits is not within"),
        ("threads: " + "9" * 9000, "Exceeds the limit"),
        ("commands: [{run: [a], timeout_seconds: 2147484}]", "0.01 to 86400 s"),
        ("commands: [{run: ['a\\0b']}]".replace("'", '"'), "holds a character that no text may"),
        ('mqtt: {host: h, topic: "\\ud800"}', "holds a character that no text may"),
        ("mqtt: {host: ''}", "mqtt.host: is empty"),
        ("mqtt: {host: ' '}", "mqtt.host: is empty"),
        ("mqtt: {host: a..b}", "mqtt.host: 'a..b' is no name of a host"),
        ("mqtt: {host: h, discovery: '#'}", "mqtt.discovery: '#' cannot be published to"),
        ("mqtt: {host: h, discovery: ha/+}", "mqtt.discovery: 'ha/+' cannot be published to"),
        ("mqtt: {host: h, topic: $SYS/kws}", "mqtt.topic: '$SYS/kws' cannot be published to"),
        ("mqtt: {host: h, topic: ''}", "mqtt.topic: '' cannot be published to"),
        ("metrics: {host: ''}", "metrics.host: is empty"),
        ("metrics: {port: 70000}", "metrics.port: 70000 is not within 0 to 65535"),
        ("clips: {folder: ~nosuchuser/x}", "clips.folder: there is no home folder for"),
        ("mqtt: {host: h, password_file: ~nosuchuser/x}", "mqtt.password_file: there is no home"),
        ("clips: {folder: /x, seconds: .inf}", "clips.seconds: found str '.inf'"),
        ("clips: {folder: /x, near_miss: 1}", "clips.near_miss: 1.0 is not within 0 to 1, 1 ex"),
        (BOMB + "model: *a8", f"more than {MAX_VALUES} values, aliases included"),
        ("a: &a [*a]", "contains itself"),
        ("threads: !!int", "a tag (!!...) does not fit its value"),
        ("threads: !!bool x", "a tag (!!...) does not fit its value"),
        ("threads: !!timestamp x", "a tag (!!...) does not fit its value"),
        ("threads: !!int x", "a tag (!!...) does not fit its value"),
        ("threads: !!float x", "a tag (!!...) does not fit its value"),
        ("threads: !!float .inf", "a tag (!!...) does not fit its value"),
        ("threads: !!float 1:30", "a tag (!!...) does not fit its value"),
        ("model: !!timestamp 2001-01-01", "a tag (!!...) does not fit its value"),
        ("a: [" + "b," * MAX_VALUES + "]", f"line 1: more than {MAX_VALUES} values"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ("#" * (MAX_BYTES + 1), "more than 1 MB of YAML"),
        ("model: " + "x" * 5000 + "\nthreads: " + "y" * 5000, "threads: found str 'yyyyy"),
        ('"a\\nb\\e[31m": 1', r"'a\nb\x1b[31m': unknown"),
    ],
)
def test_one_line_says_what_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    began = time.thread_time()
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, text), environment={})
    assert time.thread_time() - began < 5  # CPU time; the alias bomb once took 25 s
    said = str(error.value)
    assert message in said
    assert said.isprintable()
    assert len(said) < 1000


def test_of_many_faults_a_hundred_are_listed(tmp_path: Path) -> None:
    keys = "".join(f"key{number}: 1\n" for number in range(5000))
    commands = "commands: [" + "{runn: [a]}, " * 2000 + "]\n"
    for text in (keys, commands, keys + commands):
        with pytest.raises(ConfigError) as error:
            load_config(write(tmp_path, text), environment={})
        message = str(error.value)
        assert message.count("unknown") <= MAX_FAULTS
        assert message.endswith(f"and more: only the first {MAX_FAULTS} are listed")
        assert len(message) < 200 * MAX_FAULTS


def test_a_long_list_and_a_few_aliases_are_welcome(tmp_path: Path) -> None:
    text = f"words: &w [{', '.join(['yes'] * 5000)}]\nagain: *w\n"
    assert len(read_yaml(write(tmp_path, text))["again"]) == 5000


def test_bounds_hold_for_settings_made_in_python_too() -> None:
    with pytest.raises(ValidationErrors, match="smoothing_ms: nan is not within 0 to 10000 ms"):
        DetectorOverrides(smoothing_ms=float("nan"))


WORDS = (
    *("model", "threads", "detector", "mqtt", "host", "clips", "folder", "commands", "run"),
    *(
        "~x/y",
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "<<: ",
        "!!int ",
        "!!bool ",
        "!!set ",
        "!!timestamp ",
        "!!binary ",
        "'",
        '"',
        "\n",
        ", ",
    ),
    *("1e999", "-1", ".nan", "0x" + "f" * 5000, "\t", "\0", "\ud800", "é", "|\n", "? ", "#", "%"),
)


@settings_of_hypothesis(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map("".join))
def test_any_text_is_a_configuration_or_one_line(text: str) -> None:
    """As a flag, a variable or a file would bring it; any other exception fails the test."""
    faults = []
    for flags in ({"model": text}, {"commands": text}, {"mqtt.host": "h", "mqtt.topic": text}):
        try:
            load_config(flags=flags, environment={"XDG_CONFIG_HOME": "/nowhere"})
        except ConfigError as error:
            faults.append(str(error))
    try:
        parse_config(parse_yaml(text, "text"))
    except (ConfigError, ValidationErrors) as error:
        faults.append(str(error))
    for fault in faults:
        assert fault.isprintable()
        assert len(fault) < 3000


def test_the_detector_accepts_what_the_configuration_allows() -> None:
    """The bounds of both are the same: neither lets through what the other refuses."""
    import dataclasses

    for field in dataclasses.fields(DetectorOverrides):
        info = field_info(field)
        for value in (info.minimum, info.maximum):
            if value is None or value == info.excluded:
                continue
            changed: Any = {"yes": value} if field.name == "thresholds" else value
            overrides = DetectorOverrides(**{field.name: changed})
            applied = overrides.applied_to(DetectorConfig(), {})
            assert getattr(applied, field.name) == changed


def test_every_setting_has_a_meaning_and_every_number_has_bounds() -> None:
    """Those of list items too, which are no settings of their own."""
    import dataclasses
    import typing

    checked = {setting.path: (setting.hint, setting.info) for setting in settings()}
    for key, kind in sink_kinds():
        hints = typing.get_type_hints(kind.settings)
        for field in dataclasses.fields(kind.settings):
            checked[f"{key}[].{field.name}"] = hints[field.name], field_info(field)
    assert len(checked) > 50
    for path, (hint, info) in checked.items():
        assert info.doc.endswith((".", "'")), path
        numbers = {int, float, dict[str, float]} & {hint, *typing.get_args(hint)}
        if numbers:
            assert info.minimum is not None, path
            assert info.maximum is not None, path
            assert info.maximum <= min(sys.maxsize, 10**9), path
        for unit in ("ms", "seconds", "dbfs", "megabytes"):
            if path.endswith((f"_{unit}", f".{unit}")):
                assert info.unit == {"seconds": "s", "dbfs": "dBFS", "megabytes": "MB"}.get(
                    unit, unit
                ), path
