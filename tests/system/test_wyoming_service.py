"""The wake-word server as a service: addresses, signals, systemd, the local network."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Command
from wyoming.info import Describe, Info
from wyoming_server import (
    COMMAND,
    DEADLINE,
    Server,
    answer,
    chunks,
    connected,
    demo_pcm,
    detections_in,
    eventually,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def demo() -> bytes:
    return demo_pcm()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second(number: int, demo: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wake.sock"
    with Server(uri=f"unix://{path}") as server:
        stop = threading.Event()

        async def busy() -> None:
            async with connected(server.uri) as client:
                while not stop.is_set():
                    for event in chunks(demo):
                        await client.write_event(event)

        def talk() -> None:
            with contextlib.suppress(ConnectionError):
                asyncio.run(busy())

        clients = [threading.Thread(target=talk) for _ in range(3)]
        for client in clients:
            client.start()
        server.wait_for(": ", 4)  # detections
        seconds = server.stop(number)
        stop.set()
        for client in clients:
            client.join()
        assert server.process.returncode == 0
        # less than the server waits for clients that do not end
        assert seconds < (0.5 if os.getloadavg()[0] < 6 else 5.0)
        assert not path.exists()


def test_a_socket_left_behind_is_replaced_a_live_one_refused(
    demo: bytes, tmp_path: Path, run_command: Command
) -> None:
    path = tmp_path / "wake.sock"
    with Server(uri=f"unix://{path}") as first:
        refused = run_command("wyoming", "--uri", first.uri)
        assert refused.returncode == 69
        assert refused.stderr.endswith(f"cannot listen at unix://{path}: another server does\n")
        assert path.exists()
        first.stop(signal.SIGKILL)
        assert stat.S_ISSOCK(path.stat().st_mode)
        with Server(uri=f"unix://{path}") as second:
            assert asyncio.run(detections_in(second.uri, demo, ["left"]))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["--uri", "http://x"],
            78,
            "--wyoming-uri: found 'http://x', expected tcp://HOST:PORT or unix",
        ),
        (["--uri", "tcp://127.0.0.1"], 78, "--wyoming-uri: found 'tcp://127.0.0.1', expected"),
        (["--uri", "tcp://127.0.0.1:70000"], 78, "--wyoming-uri: found"),
        (["--uri", "unix://relative"], 78, "--wyoming-uri: found"),
        (["--uri", "unix:///nowhere/s"], 69, "cannot listen at unix:///nowhere/s: No such file"),
        (["--uri", "unix:///etc/passwd"], 69, "there is a file that is no socket"),
        (["--uri", f"unix:///tmp/{'x' * 200}"], 69, "path too long"),
        (["--uri", "tcp://203.0.113.1:9"], 69, "cannot listen at tcp://203.0.113.1:9: "),
        (
            ["--zeroconf"],
            78,
            "--wyoming-zeroconf: nobody else can reach tcp://127.0.0.1:10400; to listen",
        ),
        (
            ["--zeroconf", "x" * 64, "--uri", "tcp://0.0.0.0:0"],
            78,
            "--wyoming-zeroconf: a name has at most 63 bytes",
        ),
        (["--threshold", "3"], 78, "--detector-threshold: 3.0 is not within 0 to 1"),
        (["--max-clients", "0"], 78, "--wyoming-max-clients: 0 is not within 1 to 1000 clients"),
        (["--model", "nothing.tflite"], 66, "nothing.tflite"),
    ],
)
def test_a_users_mistake_is_one_line(
    arguments: list[str], code: int, message: str, run_command: Command
) -> None:
    result = run_command("wyoming", *arguments)
    assert result.returncode == code, result.stderr
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken(server: Server, run_command: Command) -> None:
    result = run_command("wyoming", "--uri", server.uri)
    assert result.returncode == 69
    assert result.stderr.endswith(f"cannot listen at {server.uri}: Address already in use\n")


def test_without_the_library() -> None:
    code = (
        "import sys; sys.modules[sys.argv.pop(1)] = None\n"
        "from kws_edge.cli import entry_point; entry_point()"
    )
    for module, version, arguments in (
        ("wyoming", "1.5.4", []),
        ("zeroconf", "0.70", ["--zeroconf", "--uri", "tcp://0.0.0.0:0"]),
    ):
        result = subprocess.run(
            [sys.executable, "-c", code, module, "wyoming", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert result.returncode == 78
        assert result.stderr == (
            f"kws-edge: {module} is not installed: pip install '{module}>={version}'\n"
        )


def test_beyond_this_machine_there_is_a_warning() -> None:
    with Server(uri="tcp://0.0.0.0:0") as server:
        server.wait_for("anybody in the network can connect")


def test_it_tells_its_service_manager(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(DEADLINE)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "300000",
        }
        with Server(env=environment) as server:
            assert manager.recv(4096) == b"READY=1\nSTATUS=0 of 16 clients"
            for _ in range(3):
                assert manager.recv(4096) == b"WATCHDOG=1\nSTATUS=0 of 16 clients"
            server.stop()
            messages = [manager.recv(4096)]
            while messages[-1].startswith(b"WATCHDOG"):
                messages.append(manager.recv(4096))
            assert messages[-1] == b"STOPPING=1"


def test_the_configuration_holds_for_it_and_a_reload_for_those_who_come_later(
    demo: bytes, tmp_path: Path
) -> None:
    """Model, thresholds, active keywords and `wyoming:` of a file that names a microphone and
    sinks too; SIGHUP under a service manager reads it again."""
    config, path = tmp_path / "config.yaml", tmp_path / "wake.sock"
    common = f"""
wyoming: {{uri: 'unix://{path}', max_clients: 2, languages: [de]}}
microphone: {{device: none such}}
commands: [{{run: [no-such-program]}}]
"""

    def words(uri: str, names: list[str] | None = None) -> set[str]:
        return {str(one.name) for one in asyncio.run(detections_in(uri, demo, names))}

    def offered(uri: str) -> list[tuple[str, list[str]]]:
        async def ask() -> Info:
            async with connected(uri) as client:
                return Info.from_event(await answer(client, Describe().event()))

        return [(one.name, one.languages) for one in asyncio.run(ask()).wake[0].models]

    config.write_text(f"keywords: [left, yes]\ndetector: {{thresholds: {{yes: 0.9999}}}}{common}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(DEADLINE)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        environment.pop("SYSTEMD_EXEC_PID", None)
        with Server("--config", str(config), uri="", env=environment) as server:
            assert server.uri == f"unix://{path}"
            assert manager.recv(4096) == b"READY=1\nSTATUS=0 of 2 clients"
            assert offered(server.uri) == [("left", ["de"]), ("yes", ["de"])]
            assert words(server.uri) == {"left"}

            config.write_text(f"detector: {{threshold: 7}}{common}")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("the configuration stays as it was: ")
            assert words(server.uri) == {"left"}
            for kind in (b"RELOADING=1\nMONOTONIC_USEC=", b"READY=1\nSTATUS="):
                while (message := manager.recv(4096)).startswith(b"WATCHDOG"):
                    pass
                assert message.startswith(kind)

            config.write_text(f"keywords: [yes]{common}")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("configuration reloaded")
            assert offered(server.uri) == [("yes", ["de"])]
            assert words(server.uri) == {"yes"}
            assert server.process.poll() is None


def test_it_is_announced_and_taken_back() -> None:
    asyncio.run(_look_for_it())


async def _look_for_it() -> None:
    zeroconf = pytest.importorskip("zeroconf.asyncio")
    kind, name = "_wyoming._tcp.local.", f"kws-edge test {os.getpid()}"
    seen: dict[str, asyncio.Event] = {"Added": asyncio.Event(), "Removed": asyncio.Event()}

    def notice(**change: object) -> None:
        state = getattr(change["state_change"], "name", "")
        if change["name"] == f"{name}.{kind}" and state in seen:
            seen[state].set()

    async with zeroconf.AsyncZeroconf() as own:
        browser = zeroconf.AsyncServiceBrowser(own.zeroconf, kind, handlers=[notice])
        with Server("--zeroconf", name, uri="tcp://0.0.0.0:0") as server:
            if not await asyncio.to_thread(_announced, server):
                pytest.skip("this machine has no network to announce anything in")
            await asyncio.wait_for(seen["Added"].wait(), DEADLINE)
            info = await own.async_get_service_info(kind, f"{name}.{kind}")
            assert f":{info.port}" in server.uri
            assert info.parsed_addresses()
            assert await asyncio.to_thread(server.stop) < 5
            await asyncio.wait_for(seen["Removed"].wait(), DEADLINE)
        await browser.async_cancel()


def _announced(server: Server) -> bool:
    lines = eventually(
        lambda: server.found("announced as") or server.found("cannot announce"),
        lambda: str(server.lines),
    )
    return "announced as" in lines[0]


def test_it_needs_no_wyoming_for_other_commands(run_command: Command) -> None:
    """The command line loads what a command needs, and no more."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *COMMAND[1:3], "info"],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    assert "wyoming" not in result.stderr
    assert "asyncio" not in result.stderr
