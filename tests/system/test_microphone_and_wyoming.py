"""One process for a microphone and for Wyoming clients: `listen` with ``wyoming:`` in its file."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Command
from mosquitto import free_port
from virtual_microphone import VirtualMicrophone, virtual_microphone
from wyoming.ping import Ping
from wyoming_server import DEADLINE, answer, connected, demo_pcm, detections_in, eventually

from kws_edge.model.file import demo_recording

pytestmark = pytest.mark.xdist_group("sound")
microphone = pytest.fixture(virtual_microphone)


class Daemon:
    """``kws-edge listen`` at a microphone, with its lines; SIGHUP reloads."""

    def __init__(self, config: Path, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "kws_edge", "listen", "--json", "--reload-on-hangup"]
        self.process = subprocess.Popen(
            [*command, "--config", str(config)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events: list[str] = []
        self.lines: list[str] = []
        streams = ((self.process.stdout, self.events), (self.process.stderr, self.lines))
        for stream, found in streams:
            threading.Thread(target=found.extend, args=(stream,), daemon=True).start()

    def spotted(self) -> list[str]:
        events = [json.loads(line) for line in self.events]
        return [event["label"] for event in events if event["type"] == "detection"]

    def wait_for(self, text: str, count: int = 1) -> None:
        def found() -> list[str]:
            lines = [line for line in self.lines if text in line]
            return lines if len(lines) >= count else []

        eventually(found, lambda: f"{text!r} in {self.lines}")

    def reload(self, text: str, count: int = 1) -> None:
        self.process.send_signal(signal.SIGHUP)
        self.wait_for(text, count)

    def stop(self) -> float:
        started = time.monotonic()
        self.process.terminate()
        assert self.process.wait(DEADLINE) == 0
        return time.monotonic() - started


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@pytest.fixture
def uri(config: Path) -> str:
    uri = f"tcp://127.0.0.1:{free_port()}"
    write(config, uri)
    return uri


def write(config: Path, uri: str, *lines: str) -> None:
    config.write_text("\n".join(["model: mfcc-int8", f"wyoming: {{uri: '{uri}'}}", *lines]))


@pytest.fixture
def daemon(microphone: VirtualMicrophone, config: Path, uri: str) -> Iterator[Daemon]:
    daemon = Daemon(config, microphone.environment)
    try:
        daemon.wait_for("listening to the microphone")
        daemon.wait_for(f"wyoming: listening at {uri}")
        yield daemon
    finally:
        daemon.process.kill()
        daemon.process.wait()
    assert not [line for line in daemon.lines if "Traceback" in line]


def words_for_a_client(uri: str, names: list[str] | None = None) -> set[str]:
    return {str(one.name) for one in asyncio.run(detections_in(uri, demo_pcm(), names))}


def test_both_get_their_detections_and_a_reload_keeps_them(
    daemon: Daemon, microphone: VirtualMicrophone, config: Path, uri: str
) -> None:
    playing = threading.Thread(target=microphone.play, args=(demo_recording(),))
    playing.start()
    words = words_for_a_client(uri)
    assert {"left", "yes"} <= words
    assert words_for_a_client(uri, ["left"]) == {"left"}
    playing.join()
    eventually(daemon.spotted, lambda: f"a word of the microphone: {daemon.events}")

    async def stays_connected() -> None:
        async with connected(uri) as client:
            assert (await answer(client, Ping().event())).type == "pong"
            write(config, uri, "commands: [{run: ['true']}]")
            await asyncio.to_thread(daemon.reload, "configuration reloaded")
            assert (await answer(client, Ping().event())).type == "pong"
            write(config, uri, "detector: {threshold: 7}")
            await asyncio.to_thread(daemon.reload, "the configuration stays as it was")
            assert (await answer(client, Ping().event())).type == "pong"

    asyncio.run(stays_connected())
    write(config, uri, "detector: {threshold: 0.9999, thresholds: {left: 0.3}}")
    daemon.reload(f"wyoming: listening at {uri}", 2)  # another one, for the same address
    assert words_for_a_client(uri) == {"left"}
    config.write_text("model: mfcc-int8\n")
    daemon.reload("configuration reloaded", 3)
    with pytest.raises(ConnectionError):
        asyncio.run(detections_in(uri, b""))
    write(config, uri)
    daemon.reload(f"wyoming: listening at {uri}", 3)
    assert words_for_a_client(uri) == words
    assert daemon.stop() < (1 if os.getloadavg()[0] < 6 else 20)
    assert json.loads(daemon.events[-1])["type"] == "stopped"


def test_an_address_that_is_taken_costs_no_word_and_is_tried_again(
    microphone: VirtualMicrophone, config: Path, uri: str
) -> None:
    with socket.create_server(("127.0.0.1", int(uri.rpartition(":")[2]))):
        daemon = Daemon(config, microphone.environment)
        daemon.wait_for(f"sink wyoming: cannot listen at {uri}: Address already in use; trying")
        microphone.play(demo_recording())
        eventually(daemon.spotted, lambda: f"a word of the microphone: {daemon.events}")
    daemon.wait_for(f"wyoming: listening at {uri}")
    assert words_for_a_client(uri, ["left"]) == {"left"}
    daemon.stop()


def test_a_name_that_nobody_could_reach_is_refused(config: Path, run_command: Command) -> None:
    config.write_text("wyoming: {zeroconf: true}\n")
    refused = run_command("config", "check", "--config", str(config))
    assert refused.returncode == 78
    assert f"{config}: wyoming.zeroconf: nobody else can reach tcp://" in refused.stderr
