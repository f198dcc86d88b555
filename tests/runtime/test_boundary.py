"""Text from elsewhere in the log, on the terminal, in events: one line, no escapes, no halves."""

import io
import json
import logging
import os
from pathlib import Path

import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st
from sink_parts import wait_for

from kws_edge.boundary import CleanFormatter, is_loopback, printable
from kws_edge.config.settings import load_config
from kws_edge.errors import ConfigError
from kws_edge.events import Event, EventFactory
from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.command import environment
from kws_edge.sinks.stdout import StdoutSink, human_line

FOREIGN = "evil\x1b[31m\r\nkws-edge: forged \ud800 \u202e \x9b \0"
CLEAN = r"evil\x1b[31m\r\nkws-edge: forged \ud800 \u202e \x9b \x00"


def test_what_would_act_on_a_terminal_becomes_its_escape() -> None:
    assert printable(FOREIGN) == CLEAN
    assert printable("a\tb") == "a b"


@pytest.mark.parametrize(
    "text",
    ["yes", "Entrée\u202f: «\u00a0Micro\u00a0»", "नहीं\u200cथा", "日本語\u3000", "👩\u200d🔧", ""],
)
def test_text_of_any_language_stays(text: str) -> None:
    assert printable(text) == text


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_is_one_line_that_any_encoding_of_unicode_takes(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    shown.encode()
    assert printable(shown) == shown


@pytest.fixture
def logged() -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(CleanFormatter("kws-edge: %(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, stream


def test_a_record_is_one_line(logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = logged
    logger.warning("the device %s went away", FOREIGN)
    assert stream.getvalue() == f"kws-edge: the device {CLEAN} went away\n"


def test_a_traceback_forges_no_line(logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = logged
    try:
        raise ValueError(FOREIGN)
    except ValueError:
        logger.exception("a fault")
    first, *others = stream.getvalue().splitlines()
    assert first == "kws-edge: a fault"
    assert all(line.startswith("  ") and line.isprintable() for line in others)


def foreign_event() -> Event:
    return EventFactory(16000).make("microphone", 16000, state="lost", reason=FOREIGN)


def test_an_event_carries_clean_text_to_every_sink() -> None:
    event = foreign_event()
    assert json.loads(event.to_json().encode())["reason"] == CLEAN
    assert environment(event)["KWS_EDGE_EVENT_REASON"] == CLEAN
    assert human_line(event).endswith(f"({CLEAN})")


def test_foreign_text_does_not_end_stdout() -> None:
    reading, writing = os.pipe()
    worker = SinkWorker(StdoutSink(writing))
    worker.put(foreign_event())
    wait_for(lambda: worker.handled, "the event")
    assert worker.close(30)
    assert json.loads(os.read(reading, 65536))["reason"] == CLEAN
    for descriptor in (reading, writing):
        os.close(descriptor)


@pytest.mark.parametrize(
    "document",
    [
        {"page": {"host": "a\nb"}},
        {"wyoming": {"uri": "\x1b[2J", "zeroconf": "a\nb"}},
        {"model": "a\u202eb", "detector": {"thresholds": {"\ud800": 2}}},
    ],
)
def test_no_fault_of_a_configuration_quotes_what_acts_on_a_terminal(
    document: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "a\nb.yaml"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError) as caught:
        load_config(path, environment={})
    assert str(caught.value).isprintable()


def test_a_path_forges_nothing_on_the_terminal(run_command: Command) -> None:
    result = run_command("info", "a\x1b[31m\nkws-edge: ok\u202e.tflite")
    assert result.returncode == 66
    assert result.stderr.splitlines()[-1] == (
        r"kws-edge: a\x1b[31m\nkws-edge: ok\u202e.tflite: No such file or directory"
    )


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("fe80::1%eth0", False),
        ("broker.local", False),
        ("", False),
    ],
)
def test_hosts_of_this_machine(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone
