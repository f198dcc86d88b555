"""Programs run for detections: real ones, in Python and sh scripts written here."""

import json
import logging
import sys
import time
from pathlib import Path

import pytest
from sink_parts import detections, wait_for
from test_events import VALIDATOR, one_of_each

from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.command import CommandConfig, CommandSink


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def hook(*run: object, **settings: object) -> tuple[SinkWorker, CommandSink]:
    config = CommandConfig(tuple(map(str, run)), **settings)  # type: ignore[arg-type]
    sink = CommandSink("commands[0]", config)
    return SinkWorker(sink), sink


def shell(script: str, *arguments: object, **settings: object) -> tuple[SinkWorker, CommandSink]:
    return hook("/bin/sh", "-c", script, "hook", *arguments, **settings)


def test_the_event_is_on_stdin_and_in_variables(tmp_path: Path) -> None:
    program = tmp_path / "hook.py"
    program.write_text(
        "import json, os, sys\n"
        "variables = {k: v for k, v in os.environ.items() if k.startswith('KWS_EDGE_EVENT_')}\n"
        "json.dump([json.loads(sys.stdin.read()), variables, sys.argv], open(sys.argv[1], 'w'))\n"
    )
    out = tmp_path / "out.json"
    worker, _ = hook(sys.executable, program, out, "$HOME; rm *", timeout_seconds=30)
    event = detections(1)[0]
    worker.put(event)
    # written with one write(2) at its close, so never seen half
    wait_for(lambda: out.exists() and out.stat().st_size, "the program")
    document, variables, arguments = json.loads(out.read_text())
    assert document == event.as_dict()
    VALIDATOR.validate(document)
    assert arguments[2] == "$HOME; rm *"  # no shell
    assert variables == {
        "KWS_EDGE_EVENT_SCHEMA": "1",
        "KWS_EDGE_EVENT_TYPE": "detection",
        "KWS_EDGE_EVENT_ID": "1",
        "KWS_EDGE_EVENT_SAMPLE": "16000",
        "KWS_EDGE_EVENT_TIME_S": "1.0",
        "KWS_EDGE_EVENT_UTC": event.utc,
        "KWS_EDGE_EVENT_LABEL": "yes",
        "KWS_EDGE_EVENT_SCORE": "0.9123",
    }
    worker.close(30)


def test_what_systemd_says_to_the_daemon_is_not_handed_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/secret")
    worker, _ = shell('echo "socket:$NOTIFY_SOCKET."')
    worker.put(detections(1)[0])
    wait_for(lambda: "socket:." in caplog.text, "the output")
    worker.close(30)


def test_for_detections_of_its_keywords_alone_and_in_order(tmp_path: Path) -> None:
    out = tmp_path / "out"
    worker, _ = shell(
        'echo "$KWS_EDGE_EVENT_ID $KWS_EDGE_EVENT_LABEL" >> "$1"', out, keywords=("yes", "go")
    )
    events = one_of_each() + detections(20, "go") + detections(3, "no")
    for event in events:
        worker.put(event)
    wait_for(lambda: out.exists() and out.read_text().count("\n") == 21, "21 runs")
    worker.close(30)
    assert out.read_text().split() == ["2", "yes"] + [
        word for n in range(1, 21) for word in (str(n), "go")
    ]


def test_starts_keep_their_order_and_concurrency_its_limit(tmp_path: Path) -> None:
    log, hold = tmp_path / "log", tmp_path / "hold"
    hold.touch()
    worker, _ = shell(
        'echo "start $KWS_EDGE_EVENT_ID" >> "$1";'
        ' while [ -e "$2" ]; do sleep 0.05; done; echo end >> "$1"',
        log,
        hold,
        concurrency=3,
        timeout_seconds=60,
    )
    for event in detections(8):
        worker.put(event)
    wait_for(lambda: log.exists() and log.read_text().count("start") == 3, "three to start")
    time.sleep(0.3)
    assert log.read_text().count("start") == 3
    assert worker.waiting == 4  # and the fifth is in hand
    hold.unlink()
    wait_for(lambda: log.read_text().count("end") == 8, "all to end")
    worker.close(30)
    starts = [int(line.split()[1]) for line in log.read_text().splitlines() if "start" in line]
    # the three that run at once write when they get to it; they were started in order
    assert sorted(starts[:3]) == [1, 2, 3]
    assert sorted(starts) == list(range(1, 9))


def test_a_program_that_reads_nothing_holds_up_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    worker, _ = shell('exec <&-; echo done >> "$1"', out, concurrency=4)
    for event in detections(30):
        worker.put(event)
    wait_for(lambda: out.exists() and out.read_text().count("done") == 30, "30 runs")
    assert worker.close(30)
    assert worker.failed == 0


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (None, 0, "No such file or directory"),
        ("#!/bin/sh\n", 0o600, "Permission denied"),
        ("#!/no/such/interpreter\n", 0o700, "No such file or directory"),
        ("no program", 0o700, "Exec format error"),
    ],
)
def test_a_program_that_cannot_run_is_one_line_and_a_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None, mode: int, reason: str
) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(mode)
    worker, _ = hook(program)
    for event in detections(5):
        worker.put(event)
    assert worker.close(30)
    assert worker.failed == 5
    assert [r.message for r in caplog.records] == [
        f"sink commands[0]: cannot run {program}: {reason}"
    ]


def test_output_and_exit_codes_are_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    worker, sink = shell("echo out; echo err >&2; printf '\\033[31mred\\r\\n'; exit 3")
    worker.put(detections(1)[0])
    wait_for(lambda: sink.failed, "the run")
    worker.close(30)
    messages = [record.message.partition(": /bin/sh")[2] for record in caplog.records]
    assert messages[:3] == [": out", ": err", ": \\x1b[31mred"]
    assert messages[3] == " ended with exit code 3 (event 1)"
