"""The notification protocol of systemd, with a real socket in the place of systemd."""

import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kws_edge.daemon.systemd import sd_notify, watchdog_interval


class Manager:
    """What systemd holds: a datagram socket and its name as ``NOTIFY_SOCKET`` has it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self._socket.settimeout(10)

    def receive(self) -> tuple[str, int]:
        """The next message and the process it came from."""
        message, ancillary, _, _ = self._socket.recvmsg(4096, 256)
        return message.decode(), int.from_bytes(ancillary[0][2][:4], sys.byteorder)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Manager]:
    name = f"@kws-edge-{uuid.uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")
    manager = Manager(name)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    yield manager
    manager.close()


def test_messages_arrive_whole_and_from_this_process(manager: Manager) -> None:
    for message in ("READY=1\nSTATUS=zwölf clients", "WATCHDOG=1", "STOPPING=1"):
        assert sd_notify(message)
        assert manager.receive() == (message, os.getpid())


def test_the_same_bytes_as_systemd_notify_sends(manager: Manager) -> None:
    if not shutil.which("systemd-notify"):
        pytest.skip("needs systemd-notify: apt install systemd")
    subprocess.run(["systemd-notify", "--no-block", "--ready", "--status=listening"], check=True)
    theirs, _ = manager.receive()
    sd_notify("READY=1\nSTATUS=listening")
    ours, _ = manager.receive()
    assert set(ours.splitlines()) <= set(theirs.splitlines())


@pytest.mark.parametrize("address", [None, "", "relative/path", "/nowhere/notify", "@nobody-here"])
def test_nobody_listens(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not sd_notify("READY=1")


def test_a_manager_that_does_not_read_is_not_waited_for(manager: Manager) -> None:
    sent = [sd_notify("STATUS=" + "x" * 2000) for _ in range(2000)]
    assert sent[0]
    assert not sent[-1]


@pytest.mark.parametrize(
    ("microseconds", "process", "seconds"),
    [
        (None, None, None),
        ("30000000", None, 30.0),
        ("500000", "self", 0.5),
        ("500000", "1", None),
        ("500000", "", 0.5),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_watchdog_interval(
    microseconds: str | None,
    process: str | None,
    seconds: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": process}
    for name, value in values.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(os.getpid()) if value == "self" else value)
    assert watchdog_interval() == seconds
