"""Brokers that do not do as they should: one line in the log, and the next attempt succeeds."""

import logging
import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sink_parts import detections, wait_for

from kws_edge.sinks import mqtt
from kws_edge.sinks.base import SinkWorker
from kws_edge.sinks.mqtt import MqttSink
from kws_edge.sinks.mqtt_client import MqttConfig

ACCEPTED = b"\x20\x02\x00\x00"  # CONNACK
Script = Callable[[socket.socket], None]


class BrokenBroker:
    """Plays ``script`` to its first connection and is a broker for those that follow."""

    def __init__(self, script: Script) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.published: list[bytes] = []
        self._script = script
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        script, then = self._script, self._behave
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._play, args=(script, client), daemon=True).start()
                script = then

    def _play(self, script: Script, client: socket.socket) -> None:
        with client, suppress(ConnectionError, struct.error, OSError):
            receive(client)  # CONNECT
            script(client)

    def _behave(self, client: socket.socket) -> None:
        client.sendall(ACCEPTED)
        while True:
            kind, body = receive(client)
            if kind >> 4 == 3:  # PUBLISH with QoS 1
                size = struct.unpack(">H", body[:2])[0]
                client.sendall(b"\x40\x02" + body[2 + size : 4 + size])
                if body[2 : 2 + size].endswith(b"/event"):
                    self.published.append(body[4 + size :])


def receive(client: socket.socket) -> tuple[int, bytes]:
    """Kind and body of the next packet; of up to 127 + 128 * 127 bytes."""
    kind, size = exactly(client, 2)
    if size > 127:
        size += 128 * (exactly(client, 1)[0] - 1)
    return kind, exactly(client, size)


def exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def says(data: bytes) -> Script:
    """Accept the connection, send ``data`` and wait for the end."""

    def script(client: socket.socket) -> None:
        client.sendall(ACCEPTED + data)
        while client.recv(65536):
            pass

    return script


def never_answers(client: socket.socket) -> None:
    while client.recv(65536):
        pass


BAD = {
    "closes after CONNECT": (lambda client: None, "the broker did not answer CONNECT (Unspec"),
    "never answers": (never_answers, "the broker did not answer CONNECT (Keep alive timeout)"),
    "half an answer": (lambda client: client.sendall(b"\x20\x02"), "did not answer CONNECT"),
    "refuses": (lambda client: client.sendall(b"\x20\x02\x00\x03"), "Server unavailable"),
    "an answer that is none": (lambda client: client.sendall(b"\x20\x01\x00"), "not answer"),
    "another protocol": (
        lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "the broker sent nonsense",
    ),
    "a message of 256 MB": (
        says(b"\x30\xff\xff\xff\x7f"),
        "lost (the broker sent nonsense: ValueError: a message of 268435455 bytes)",
    ),
    "a message of a kilobyte": (
        says(b"\x30\x80\x08" + bytes(1024)),
        "lost (the broker sent nonsense: ValueError: a message of 1024 bytes)",
    ),
    "a short acknowledgement": (says(b"\x40\x01\x00"), "lost ("),
    "a message of nothing": (says(b"\x32\x00"), "lost ("),
    "endless sizes": (says(b"\x30\xff\xff\xff\xff\xff"), "lost ("),
    "an unknown kind": (says(b"\x00\x00"), "lost ("),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    monkeypatch.setattr(mqtt, "KEEP_ALIVE_SECONDS", 1)
    caplog.set_level(logging.INFO)
    yield
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("what", BAD)
def test_a_broken_broker_is_one_line_and_no_event_is_lost(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    script, fault = BAD[what]
    broker = BrokenBroker(script)
    worker = SinkWorker(MqttSink(MqttConfig("127.0.0.1", broker.port), ["yes"], "model"))
    events = detections(3)
    for event in events:
        worker.put(event)
    wait_for(lambda: worker.handled == 3, "the events", 60)
    assert [data for data in broker.published if b'"id"' in data][-3:] == [
        event.to_json().encode() for event in events
    ]
    faults = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(faults) == 1
    assert fault in faults[0]
    assert worker.close(30)
    assert (worker.handled, worker.dropped, worker.failed, worker.waiting) == (3, 0, 0, 0)
    broker.close()


def test_small_messages_without_end_fill_no_memory() -> None:
    """QoS 2 without its second half: paho keeps each until it is released."""
    message = b"\x34\x05\x00\x01a"
    data = b"".join(message + struct.pack(">H", 1 + n % 65535) for n in range(100_000))
    taken = threading.Event()

    def script(client: socket.socket) -> None:
        client.sendall(ACCEPTED + data)
        taken.set()

    broker = BrokenBroker(script)
    before = resident_megabytes()
    worker = SinkWorker(MqttSink(MqttConfig("127.0.0.1", broker.port), ["yes"], "model"))
    assert taken.wait(60)
    assert resident_megabytes() - before < 100
    assert worker.close(30)
    broker.close()


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


@pytest.mark.parametrize(
    ("host", "tls", "warns"),
    [("broker.invalid", False, True), ("broker.invalid", True, False), ("localhost", False, False)],
)
def test_a_password_over_an_open_network_is_a_warning(
    host: str, tls: bool, warns: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text("pi:secret")
    config = MqttConfig(host, 1, password_file=file, tls=tls)
    worker = SinkWorker(MqttSink(config, ["yes"], "model"))
    wait_for(lambda: "no connection to" in caplog.text, "the attempt")
    assert (f"the password goes to {host}:1 unencrypted; see mqtt.tls" in caplog.text) is warns
    assert worker.close(30)
