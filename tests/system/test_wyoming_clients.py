"""Clients that do not do as they should: the wake-word server and the others go on."""

import asyncio
import contextlib
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from mosquitto import free_port
from wyoming.audio import AudioChunk, AudioStart
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.wake import Detection
from wyoming_server import (
    DEADLINE,
    Server,
    answer,
    chunks,
    connected,
    demo_pcm,
    detections_in,
    eventually,
)

from kws_edge.config.config import Config
from kws_edge.daemon.control import LoadedModels
from kws_edge.wyoming.client import ClientSession
from kws_edge.wyoming.endpoint import Endpoint
from kws_edge.wyoming.places import Places
from kws_edge.wyoming.server import WyomingServer


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def demo() -> bytes:
    return demo_pcm()


def raw(uri: str) -> socket.socket:
    host, port = uri.removeprefix("tcp://").split(":")
    return socket.create_connection((host, int(port)), timeout=DEADLINE)


def line(**header: object) -> bytes:
    return json.dumps(header).encode() + b"\n"


START = {"rate": 16000, "width": 2, "channels": 1}
BAD = {
    "noise": (random.Random(0).randbytes(5000) + b"\n", "not JSON"),
    "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not JSON"),
    "a list": (b"[1]\n", "not a JSON object"),
    "deep": (b"[" * 60000 + b"\n", "not JSON"),
    "no type": (line(data={}), "type: found None"),
    "odd type": (line(type=[1]), "type: found [1]"),
    "long header": (b'{"type": "' + b"x" * 200_000, "header of over 65536 bytes"),
    "huge payload": (line(type="audio-chunk", payload_length=10**12), "payload_length: found 1"),
    "huge data": (line(type="detect", data_length=10**9), "data_length: found 1"),
    "less than none": (line(type="detect", data_length=-1), "data_length: found -1"),
    "size as text": (line(type="detect", payload_length="9"), "payload_length: found '9'"),
    "odd data": (line(type="detect", data=[1]), "data: found [1]"),
    "data that is none": (line(type="detect", data_length=3) + b"{]}", "data that is not JSON"),
    "no format": (line(type="audio-start"), "audio-start: rate: found 0"),
    "odd format": (line(type="audio-chunk", data=START | {"rate": 1e400}), "rate: found inf"),
    "no channels": (line(type="audio-start", data=START | {"channels": 0}), "channels: found 0"),
    "hours of audio": (
        line(type="audio-chunk", data=START | {"rate": 1000, "width": 1}, payload_length=700_000)
        + bytes(700_000),
        "audio-chunk: found 700 s of audio, expected at most 600",
    ),
    "escapes": (line(type="audio-start", data=START | {"rate": "\x1b[31m\nclient 1"}), r"\x1b[31m"),
    "odd names": (line(type="detect", data={"names": "yes"}), "detect: found 'yes'"),
    "left within": (line(type="detect", data_length=100) + b"{", "left in the middle"),
    "left within a header": (b'{"type": "det', "left in the middle"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_client_is_one_line_and_disturbs_nobody(
    what: str, server: Server, demo: bytes
) -> None:
    sent, fault = BAD[what]
    before = len(server.found("sent away"))

    def misbehave() -> None:
        with raw(server.uri) as client, contextlib.suppress(ConnectionError):
            client.sendall(sent)
            if fault.startswith("left"):
                client.shutdown(socket.SHUT_WR)
            assert not client.recv(1)  # it is sent away, without a word

    async def others() -> None:
        async with connected(server.uri) as client:
            audio = list(chunks(demo[: 4 * 32000]))
            for event in (AudioStart(16000, 2, 1).event(), *audio[:30]):
                await client.write_event(event)
            await asyncio.to_thread(misbehave)
            for event in audio[30:]:
                await client.write_event(event)
            found = await client.read_event()
            assert found
            assert Detection.is_type(found.type)

    asyncio.run(others())
    said = server.wait_for("sent away", before + 1)
    assert fault in said
    assert re.match(r"client \d+ \(127\.0\.0\.1 port \d+\): ", said)
    assert len(said) < 250
    assert server.process.poll() is None


def test_clients_that_are_killed_or_reset(server: Server, demo: bytes) -> None:
    code = (
        "import socket, sys, time; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
        's.sendall(b\'{"type": "audio-chunk", "payload_length": 9999}\\nabc\');'
        "print('sent', flush=True); time.sleep(600)"
    )
    before = len(server.found("left in the middle"))
    port = server.uri.rsplit(":", 1)[1]
    killed = subprocess.Popen([sys.executable, "-c", code, port], stdout=subprocess.PIPE)
    assert killed.stdout
    assert killed.stdout.readline() == b"sent\n"
    killed.kill()
    killed.communicate()
    with raw(server.uri) as client:  # a reset instead of an end
        client.sendall(b'{"type": "describe"}\n')
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.wait_for("left in the middle", before + 1)
    assert asyncio.run(detections_in(server.uri, demo, ["left"]))


def test_a_client_that_sends_all_at_once_leaves_others_their_turn(
    server: Server, demo: bytes
) -> None:
    """While four minutes of audio in two chunks are worked off, others are answered."""

    async def talk() -> tuple[float, float]:
        async with connected(server.uri) as greedy, connected(server.uri) as other:
            for _ in range(2):
                payload = (demo * 6)[: 120 * 32000]
                await greedy.write_event(AudioChunk(16000, 2, 1, payload).event())
            await greedy.write_event(Describe().event())
            started, slowest = time.monotonic(), 0.0
            answered = asyncio.create_task(_until_info(greedy.read_event))
            while not answered.done():
                asked = time.monotonic()
                await other.write_event(Describe().event())
                assert await other.read_event()
                slowest = max(slowest, time.monotonic() - asked)
                await asyncio.sleep(0.02)
            return slowest, time.monotonic() - started

    slowest, whole = asyncio.run(talk())
    assert slowest < max(1.0, whole / 3), (slowest, whole)


async def _until_info(read) -> None:  # type: ignore[no-untyped-def]
    while (event := await read()) and event.type != "info":
        pass


def test_more_clients_than_allowed(demo: bytes) -> None:
    with Server("--max-clients", "2") as server:

        async def talk() -> str:
            async with connected(server.uri) as first, connected(server.uri) as second:
                for client in (first, second):
                    await client.write_event(Describe().event())
                    assert await client.read_event()
                async with connected(server.uri) as third:
                    event = await third.read_event()
                    assert event
                    assert await third.read_event() is None
                    return str(event.data["text"])

        expected = "2 clients are connected, no more are taken (--max-clients)"
        assert asyncio.run(talk()) == expected
        assert server.wait_for("refused: ").endswith(expected)
        # the places are free again
        eventually(lambda: [str(d) for d in _try(server.uri, demo)], lambda: "a free place")


def test_a_burst_of_closed_connections_refuses_nobody(demo: bytes) -> None:
    with Server("--max-clients", "2", "--verbose") as server:
        for _ in range(5):
            for _ in range(100):
                raw(server.uri).close()
            assert asyncio.run(detections_in(server.uri, demo[: 4 * 32000]))
        assert not server.found("refused")


def test_an_idle_client_gives_its_place_to_a_newcomer() -> None:
    """The longest idle one goes; one that talks keeps its place."""
    said: list[str] = []

    async def talk() -> None:
        await server.start(Endpoint("127.0.0.1", port))
        uri = f"tcp://127.0.0.1:{port}"
        async with connected(uri) as idle, connected(uri) as busy:
            for client in (idle, busy):
                assert (await answer(client, Ping().event())).type == "pong"
            async with connected(uri) as early:
                assert (await answer(early)).type == "error"
            await asyncio.sleep(0.6)
            assert (await answer(busy, Ping().event())).type == "pong"
            async with connected(uri) as newcomer:
                assert (await answer(newcomer, Ping().event())).type == "pong"
                assert await idle.read_event() is None
                assert (await answer(busy, Ping().event())).type == "pong"
        await server.close()

    def session(client: str) -> ClientSession:
        said.append(client)
        return ClientSession(models, Info(), client)

    models = LoadedModels(Config(model="mfcc-int8"))
    port = free_port()
    server = WyomingServer(session, Places(2, idle_seconds=2.0))
    asyncio.run(talk())
    assert len(said) == 3


def test_one_address_has_a_share_of_the_places() -> None:
    """A machine of the network; here the machine's own address stands for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no network")
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no network")
    with Server("--max-clients", "4", uri="tcp://0.0.0.0:0") as server:
        far = server.uri.replace("127.0.0.1", address)

        async def talk() -> None:
            async with AsyncExitStack() as stack:
                for _ in range(3):
                    client = await stack.enter_async_context(connected(far))
                    assert (await answer(client, Ping().event())).type == "pong"
                fourth = await stack.enter_async_context(connected(far))
                assert (await answer(fourth)).data["text"] == (
                    "3 clients of this address are connected, no more are taken (--max-per-address)"
                )
                near = await stack.enter_async_context(connected(server.uri))
                assert (await answer(near, Ping().event())).type == "pong"

        asyncio.run(talk())


def test_a_client_that_reads_nothing_is_sent_away_with_a_line(server: Server) -> None:
    with raw(server.uri) as client:
        client.settimeout(0.5)
        flood = line(type="describe") * 1000
        with contextlib.suppress(TimeoutError, ConnectionError):
            while True:  # until both directions are full
                client.sendall(flood)
        assert "sent away" in server.wait_for("read nothing for 10 s")


def test_the_work_of_a_client_that_left_ends(server: Server) -> None:
    """Minutes of audio at the least rate, of which most would be worked off for nobody."""
    header = line(type="audio-chunk", data=START | {"rate": 1000}, payload_length=500_000)
    silence = bytes(500_000)  # no answer, at which the system would notice that it left

    def spent(clients: int, wait: bool) -> float:
        before = now = cpu_seconds(server.process.pid)
        for _ in range(clients):
            with raw(server.uri) as client:
                client.sendall(header + silence + line(type="ping"))
                while wait and b"pong" not in client.recv(65536):
                    pass
        settled = -1.0
        while now != settled:
            settled = now
            time.sleep(1)
            now = cpu_seconds(server.process.pid)
        return now - before

    whole = spent(1, wait=True)
    left = spent(4, wait=False)
    assert left < 2 * whole, (left, whole)


def test_half_a_character_is_no_fault_of_the_server(server: Server) -> None:
    with raw(server.uri) as client, client.makefile("rb") as answers:
        client.sendall(line(type="ping", data={"text": "a\ud800b"}))
        assert answers.readline().startswith(b'{"type": "pong"')
        assert answers.read(15) == b'{"text": "a?b"}'
        client.sendall(line(type="detect", data={"names": ["\ud800\x1b[31m\nclient 9"]}))
        assert answers.readline().startswith(b'{"type": "error"')
        assert answers.read(39) == rb'{"text": "\\ud800\\x1b[31m\\nclient 9: '
    assert server.wait_for(r"asks for \ud800\x1b[31m\nclient 9: no such keyword")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _try(uri: str, demo: bytes) -> list[Detection]:
    with contextlib.suppress(AssertionError, ConnectionError):
        return asyncio.run(detections_in(uri, demo, ["left"]))
    return []
