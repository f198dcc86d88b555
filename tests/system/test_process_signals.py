"""How ``listen`` meets signals, a closed terminal and streams that nobody reads, as a process."""

import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kws_edge.process import Signals, StderrLog

LISTEN = [sys.executable, "-m", "kws_edge", "listen"]
PATIENCE = 60  # seconds; on an idle machine a start takes one
END_SECONDS = 8  # less than the 10 that the microphone has to open


def started(arguments: list[str], **options: Any) -> "subprocess.Popen[str]":
    """A process that has said on stderr that it listens."""
    process = subprocess.Popen([*LISTEN, *arguments], stderr=subprocess.PIPE, text=True, **options)
    assert process.stderr
    assert any("listening to" in line for line in iter(process.stderr.readline, ""))
    return process


def test_a_closed_terminal_ends_the_process() -> None:
    controller, terminal = pty.openpty()
    process = started(
        ["--wait", "--plain"],
        stdin=terminal,
        stdout=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, 0x540E, 0),  # TIOCSCTTY: its controlling terminal
    )
    os.close(terminal)
    os.close(controller)
    assert process.wait(PATIENCE) == 0
    assert "Traceback" not in process.communicate()[1]


@pytest.mark.parametrize(("asked", "stays"), [([], False), (["--reload-on-hangup"], True)])
def test_sighup_reloads_only_when_asked(asked: list[str], stays: bool) -> None:
    process = started(["--wait", "--json", *asked], stdout=subprocess.PIPE)
    process.send_signal(signal.SIGHUP)
    if stays:
        assert process.stderr
        assert any("reloaded" in line for line in iter(process.stderr.readline, ""))
        process.terminate()
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    last = json.loads(out.splitlines()[-1])
    assert last["reason"] == ("SIGTERM" if stays else "SIGHUP")


def test_ready_while_it_searches_for_a_microphone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        arguments = ["--wait", "--json", "--device", "no-such-microphone"]
        process = started(arguments, stdout=subprocess.DEVNULL, env=environment)
        message = manager.recv(4096).decode()
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert message.startswith("READY=1\nSTATUS=waiting for a microphone")


def test_a_second_signal_loses_no_event_and_leaves_no_hook(tmp_path: Path) -> None:
    hook = ["/bin/sh", "-c", 'echo $$ >> "$0"; exec sleep 600', str(tmp_path / "pids")]
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"commands": [{"run": hook}]}))
    arguments = ["--demo", "--sinks", "--json", "--config", str(config)]
    process = started(arguments, stdout=subprocess.PIPE)
    assert process.stdout
    first = process.stdout.readline()
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process.send_signal(number)
        time.sleep(0.1)
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert json.loads(first)["type"] == "detection"
    assert json.loads(out.splitlines()[-1])["type"] == "stopped"
    for pid in (tmp_path / "pids").read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@pytest.mark.parametrize("waits", [[], ["--wait"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_portaudio_starts(
    waits: list[str], number: signal.Signals, tmp_path: Path
) -> None:
    """ALSA asks a sound server that takes the connection and never answers."""
    settings = tmp_path / "asound.conf"
    settings.write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "pulse"))
        server.listen()
        server.settimeout(PATIENCE)
        environment = {
            **os.environ,
            "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{settings}",
            "PULSE_SERVER": f"unix:{tmp_path / 'pulse'}",
        }
        process = subprocess.Popen(
            [*LISTEN, "--json", *waits],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        connection, _ = server.accept()  # so PortAudio is within its start
        with connection:
            process.send_signal(number)
            out, errors = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert out == "" or json.loads(out.splitlines()[-1])["reason"] == number.name


def test_a_stderr_that_nobody_reads_stops_nothing() -> None:
    reader, writer = os.pipe()
    log = StderrLog(writer, capacity=10)
    began = time.monotonic()
    for _ in range(5000):
        log.write("x" * 100)
    log.flush(0.2)
    assert time.monotonic() - began < 5
    assert log.dropped > 1000
    with os.fdopen(reader, "rb", buffering=0) as pipe:  # someone reads again
        text = b""
        while b"log lines were dropped" not in text:
            text += pipe.read(65536)
    os.close(writer)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(closed: str) -> None:
    command = f'exec "$@" {closed}'
    result = subprocess.run(
        ["/bin/sh", "-c", command, "sh", *LISTEN, "--demo", "--sinks", "--pace", "max", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert (">&-" in closed.replace("2>&-", "")) == (result.stdout == "")


def test_a_full_disk_under_stdout_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        process = started(["--demo", "--pace", "max"], stdout=full)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 74
    assert errors.splitlines()[-1] == "kws-edge: standard output: No space left on device"


def test_a_signal_before_its_meaning_is_known_waits_for_it() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        signals.on_hangup(reload=True)
        assert (signals.reload_requested, signals.stopped_by) == (True, "")
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        stopped: list[str] = []
        signals.when_stopped(stopped.append)
        assert stopped == ["SIGTERM"]
    assert signal.getsignal(signal.SIGHUP) is before
