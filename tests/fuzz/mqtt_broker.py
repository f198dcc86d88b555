"""Brokers that send anything to the MQTT sinks of one process, which reconnect to the next.

After the last conversation they all behave: every sink must deliver what waits.
"""

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count as counting

from . import Summary
from .attacked import HANG_SECONDS, Attacked, mutated

NAME = "MQTT conversations"
SINKS = 20
PROGRAM = """
import logging, sys, time
from kws_edge.detection.detector import Detection
from kws_edge.events import EventFactory
from kws_edge.sinks import mqtt
from kws_edge.sinks.base import SinkWorker
mqtt.RECONNECT_SECONDS = (1, 1)  # instead of up to 60: the sinks are attacked, not the pause
mqtt.KEEP_ALIVE_SECONDS = 2
port, sinks = map(int, sys.argv[1:])
logging.basicConfig(format="%(message)s", level=logging.WARNING)
config = lambda n: mqtt.MqttConfig("127.0.0.1", port, topic=f"t{n}", keep=5)
workers = [SinkWorker(mqtt.MqttSink(config(n), ["yes"], "m")) for n in range(sinks)]
events = EventFactory(16000)
print("begun", file=sys.stderr, flush=True)
while True:
    for worker in workers:
        worker.put(events.detection(Detection("yes", 0.9, 16000, 1.0)))
    time.sleep(0.2)
"""
CONNACKS = (b"\x20\x02\0\0", b"\x20\x02\0\0", b"\x20\x02\0\0", b"\x20\x02\x01\x05", b"\x20\x02\0")
PACKETS = (
    b"\x40\x02\0\x01",  # PUBACK, PUBREC, PUBREL, PUBCOMP of what may not be on its way
    b"\x50\x02\0\x01",
    b"\x62\x02\0\x01",
    b"\x70\x02\0\x01",
    b"\x90\x03\0\x01\0",
    b"\xb0\x02\0\x01",
    b"\xd0\0",
    b"\xe0\0",
    b"\x30\x05\0\x01ahi",
    b"\x32\x07\0\x01a\0\x01hi",
    b"\x34\x07\0\x01a\0\x02hi",
    b"\x30\xff\xff\xff\x7f" + bytes(2000),
    b"\x30\xff\xff\xff\xff\xff\x01",
    b"\xf0\0",
    b"\0\0",
    b"\x10\0",
)


def run(count: int, seed: int) -> Summary:
    """One row of the table: what went wrong in ``count`` conversations, by kind."""
    brokers = Brokers(count, seed)
    with Attacked(("-c", PROGRAM, brokers.port, SINKS)) as sinks:
        sinks.wait_for("begun")
        while brokers.conversations < count:
            sinks.check(lambda: time.sleep(0.5))
        sinks.check(brokers.wait_for_all)
        return sinks.row(count, f"{len(brokers.delivering)} of {SINKS} sinks deliver at the end")


class Brokers:
    """One port. The first ``count`` connections are attacked, those that follow are served."""

    def __init__(self, count: int, seed: int) -> None:
        self.delivering: set[bytes] = set()  # topics of events
        self._count, self._seed = count, seed
        self._begun: Iterator[int] = counting()
        self.conversations = 0
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def wait_for_all(self) -> None:
        """Until every sink has delivered an event."""
        deadline = time.monotonic() + 6 * HANG_SECONDS
        while len(self.delivering) < SINKS:
            assert time.monotonic() < deadline, f"{len(self.delivering)} of {SINKS} deliver"
            time.sleep(0.05)

    def _serve(self) -> None:
        while True:
            client, _ = self._server.accept()
            number = next(self._begun)
            play = self._attack if number < self._count else self._behave
            threading.Thread(target=play, args=(client, number), daemon=True).start()

    def _attack(self, client: socket.socket, number: int) -> None:
        rng = random.Random(f"{self._seed} {number}")
        with client, suppress(OSError):
            client.settimeout(3)
            if rng.random() < 0.95:
                client.recv(65536)
            client.sendall(_answers(rng))
            if rng.random() < 0.7:  # what it says to that is read, for a while
                for _ in range(rng.randrange(5)):
                    client.recv(65536)
                    client.sendall(mutated(rng.choice(PACKETS), rng))
            elif rng.random() < 0.2:
                time.sleep(3)
        self.conversations += 1

    def _behave(self, client: socket.socket, _number: int) -> None:
        with client, suppress(OSError, struct.error, IndexError):
            stream = client.makefile("rb")
            _packet(stream.read)
            client.sendall(CONNACKS[0])
            while True:
                kind, body = _packet(stream.read)
                if kind >> 4 == 12:
                    client.sendall(b"\xd0\0")
                if kind >> 4 == 3:
                    size = struct.unpack(">H", body[:2])[0]
                    client.sendall(b"\x40\x02" + body[2 + size : 4 + size])
                    if body[2 : 2 + size].endswith(b"/event"):
                        self.delivering.add(body[2 : 2 + size])


def _answers(rng: random.Random) -> bytes:
    packets = [rng.choice(CONNACKS), *rng.choices(PACKETS, k=rng.choice((0, 1, 2, 5, 50)))]
    if rng.random() < 0.05:
        return rng.choice((b"HTTP/1.1 400 Bad Request\r\n\r\n", rng.randbytes(3000), b"\0" * 5000))
    whole = b"".join(packets)
    return mutated(whole, rng) if rng.random() < 0.6 else whole


def _packet(read) -> tuple[int, bytes]:  # type: ignore[no-untyped-def]
    kind, size, shift = read(1)[0], 0, 0
    while True:
        byte = read(1)[0]
        size += (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind, read(size)
