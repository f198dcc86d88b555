"""Events on stdout, against the schema that is documented."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from sink_parts import detections, wait_for

from kws_edge.detection.detector import Detection
from kws_edge.detection.near_misses import NearMiss
from kws_edge.events import Event, EventFactory
from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.stdout import StdoutSink

SCHEMA = json.loads((ROOT / "docs" / "event.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def one_of_each() -> list[Event]:
    factory = EventFactory(16000)
    return [
        factory.make("microphone", 0, state="open"),
        factory.detection(Detection("yes", 0.91234, 24000, 1.5)),
        factory.near_miss(NearMiss("non-fumeur é", 0.6, 32000, 2.0)),
        factory.make("dropped", 48000, samples=16000, reason="overflow"),
        factory.make("microphone", 48000, state="lost", reason="unplugged"),
        factory.make("microphone", 64000, state="back"),
        factory.make(
            "settings", 64000, mute=True, preset=None, keywords=["yes"], thresholds={"yes": 0.9}
        ),
        factory.make("stopped", 64000, seconds=4.0, reason="SIGTERM"),
    ]


def written(events: list[Event], human: bool = False) -> list[str]:
    """The lines of a real pipe."""
    reading, writing = os.pipe()
    worker = SinkWorker(StdoutSink(writing, human))
    for event in events:
        worker.put(event)
    assert worker.close(timeout=30)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        return pipe.read().splitlines()


def test_json_lines_follow_the_documented_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    events = one_of_each()
    documents = [json.loads(line) for line in written(events)]
    assert [document["id"] for document in documents] == list(range(1, len(events) + 1))
    for document in documents:
        VALIDATOR.validate(document)
    assert documents[1] | {"utc": ""} == {
        "schema": 1,
        "type": "detection",
        "id": 2,
        "sample": 24000,
        "time_s": 1.5,
        "utc": "",
        "label": "yes",
        "score": 0.9123,
    }


def test_a_sequence_is_a_detection_with_words_and_times() -> None:
    parts = (Detection("go", 0.9, 16000, 1.0), Detection("l\x1b", 0.8, 28000, 1.75))
    event = EventFactory(16000).detection(Detection("go_left", 0.8, 28000, 1.75, parts=parts))
    document = json.loads(event.to_json())
    VALIDATOR.validate(document)
    assert document["words"] == ["go", "l\\x1b"]
    assert document["times_s"] == [1.0, 1.75]
    assert written([event], human=True) == ["    1.75 s  go_left  0.80  (go l\\x1b)"]
    for change in ({"times_s": [1.0]}, {"type": "near_miss"}, {"words": ["go", "_silence_"]}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(document | change)
    del document["times_s"]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)


@given(
    st.text(min_size=1, max_size=20).filter(lambda label: label[0] != "_"),
    st.floats(0, 1),
    st.integers(0, 2**53),
)
def test_any_detection_is_one_valid_line(label: str, score: float, sample: int) -> None:
    event = EventFactory(16000).detection(Detection(label, score, sample, sample / 16000))
    line = event.to_json()
    assert "\n" not in line
    assert "\r" not in line
    VALIDATOR.validate(json.loads(line))


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"label": None}, {"score": 1.5}, {"extra": 1}, {"state": "open"}, {"id": 0}],
)
def test_the_schema_refuses_what_is_no_event(change: dict[str, Any]) -> None:
    document = {**detections(1)[0].as_dict(), **change}
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)


def test_every_field_and_type_is_documented() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    for name in [
        *SCHEMA["properties"],
        *SCHEMA["properties"]["type"]["enum"],
        *SCHEMA["properties"]["state"]["enum"],
    ]:
        assert f"`{name}`" in page, name


def test_lines_for_people() -> None:
    assert written(one_of_each(), human=True) == [
        "    0.00 s  microphone: open",
        "    1.50 s  yes      0.91",
        "    2.00 s  nearly non-fumeur é 0.60",
        "    3.00 s  16000 samples of audio lost (overflow)",
        "    3.00 s  microphone: lost (unplugged)",
        "    4.00 s  microphone: back",
        "    4.00 s  settings: muted, preset none, yes",
        "    4.00 s  stopped after 4 s of audio (SIGTERM)",
    ]


def test_a_reader_that_goes_ends_the_program_quietly(caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    closed = threading.Event()
    worker = SinkWorker(StdoutSink(writing, on_closed=closed.set))
    os.close(reading)
    for event in detections(5):
        worker.put(event)
    assert closed.wait(30)
    assert worker.close(timeout=30)
    os.close(writing)
    assert caplog.text == ""


def test_a_reader_that_sleeps_does_not_keep_the_program_from_ending(tmp_path: Path) -> None:
    """With the pipe full the worker hangs in a write; the interpreter must still end."""
    script = (
        "from sink_parts import detections\n"
        "from kws_edge.sinks.build import close_sinks\n"
        "from kws_edge.sinks.stdout import StdoutSink\n"
        "from kws_edge.sinks.base import SinkWorker\n"
        "worker = SinkWorker(StdoutSink(1), 5000)\n"
        "for event in detections(2000): worker.put(event)\n"
        "import sys, time\n"
        "time.sleep(0.5)\n"
        "print(close_sinks([worker], 0.2), file=sys.stderr)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'support'}"},
    )
    with process:
        assert wait_for(lambda: process.poll() is not None, "the program to end")
        assert process.returncode == 0
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1] == b"False"


def test_a_terminal_that_goes_ends_the_program_as_a_pipe_does() -> None:
    """Writing then fails with EIO instead of EPIPE."""
    terminal, descriptor = os.openpty()
    closed = threading.Event()
    worker = SinkWorker(StdoutSink(descriptor, on_closed=closed.set))
    os.close(terminal)
    for event in detections(3):
        worker.put(event)
    assert closed.wait(30)
    assert worker.close(30)
    assert worker.failed == 0
    os.close(descriptor)
