"""How programs of the command hook end: in time, or made to, and never as zombies."""

import logging
import os
import time
from pathlib import Path

import pytest
from sink_parts import detections, wait_for
from test_command import shell

from kws_edge.sinks.build import close_sinks


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not, but is still there to be seen."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter if it goes between two calls
        return False


def zombies() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state == "Z" and int(parent) == os.getpid():
            found.append(path.parent.name)
    return found


def test_a_timeout_ends_the_whole_group(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pids = tmp_path / "pids"
    worker, sink = shell(
        "trap '' TERM; (trap '' TERM; sleep 600) & echo $$ $! > \"$1\"; sleep 600; sleep 600",
        pids,
        timeout_seconds=0.5,
    )
    worker.put(detections(1)[0])
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2, "the pids")
    both = [int(pid) for pid in pids.read_text().split()]
    wait_for(lambda: not any(alive(pid) for pid in both), "both to be ended")
    wait_for(lambda: sink.failed == 1, "the count")
    assert worker.failed == 1
    assert "took more than 0.5 s and was ended (event 1)" in caplog.text
    wait_for(lambda: not zombies(), "it to be reaped")
    worker.close(30)


def test_a_program_that_closes_its_output_is_ended_too(caplog: pytest.LogCaptureFixture) -> None:
    worker, sink = shell("exec >&- 2>&-; sleep 600", timeout_seconds=0.5)
    worker.put(detections(1)[0])
    wait_for(lambda: sink.failed == 1, "the timeout")
    worker.close(30)


def test_endless_output_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    worker, sink = shell("exec yes", timeout_seconds=1)
    worker.put(detections(1)[0])
    wait_for(lambda: sink.failed, "the run")
    worker.close(30)
    assert len(caplog.text) < 1_000_000
    assert "more output was cut off" in caplog.text


def test_what_runs_when_the_daemon_ends_is_ended(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    worker, _ = shell('echo $$ >> "$1"; exec sleep 600', pids, timeout_seconds=600)
    for event in detections(3):  # one runs, the others wait for it
        worker.put(event)
    wait_for(lambda: pids.exists() and pids.read_text().strip(), "the program")
    assert close_sinks([worker], 0.3) is False
    pid = int(pids.read_text())
    wait_for(lambda: not alive(pid), "the program to be ended")
    time.sleep(0.3)
    assert len(pids.read_text().split()) == 1  # and none was begun after it


def test_a_moment_is_left_to_what_is_nearly_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    begun = tmp_path / "begun"
    worker, _ = shell('touch "$2"; sleep 0.1; echo done > "$1"', out, begun, timeout_seconds=600)
    worker.put(detections(1)[0])
    wait_for(begun.exists, "the start")
    assert worker.close(30)
    wait_for(out.exists, "its work", 5)
