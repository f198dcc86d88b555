"""Conversations of clients that send anything, with a real wake-word server."""

import asyncio
import json
import random
import socket
import struct
from collections import Counter
from functools import partial
from typing import Any

from . import Summary
from .attacked import HANG_SECONDS, Attacked, attack, mutated, odd

NAME = "Wyoming connections"
CONCURRENT = 24
CHECK_EVERY = 500
FORMAT = {"rate": 16000, "width": 2, "channels": 1}
FORMATS = (FORMAT, {"rate": 44100, "width": 4, "channels": 2}, {"rate": 8000, "width": 1})
KINDS: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("describe", {}, 0),
    ("detect", {"names": ["yes", "no"]}, 0),
    ("audio-start", {**FORMAT, "timestamp": 5}, 0),
    ("audio-chunk", {**FORMAT, "timestamp": 5}, 3200),
    ("audio-chunk", FORMAT, 320),
    ("audio-stop", {"timestamp": 9}, 0),
    ("ping", {"text": "x"}, 0),
    ("transcribe", {"name": "x"}, 100),
)


def run(count: int, seed: int) -> Summary:
    """One row of the table: what went wrong in ``count`` connections, by kind."""
    command = ("-m", "kws_edge", "wyoming", "--uri", "tcp://127.0.0.1:0", "--max-clients", "64")
    with Attacked(command) as server:
        port = int(server.wait_for("listening at").rsplit(":", 1)[1])
        ends: Counter[str] = Counter()
        for first in range(0, count, CHECK_EVERY):
            numbers = range(first, min(first + CHECK_EVERY, count))
            ends += asyncio.run(attack(partial(_talk, port), seed, numbers, CONCURRENT))
            server.check(lambda: _good(port))
        server.counts["hangs"] += ends["hang"]
        return server.row(count, f"{ends['answered']} answered, {ends['closed']} closed without")


async def _talk(port: int, rng: random.Random) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
            writer.write(_event(rng))
            await writer.drain()
        match rng.randrange(4):
            case 0:  # a reset
                linger = struct.pack("ii", 1, 0)
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            case 1:
                pass
            case _:
                writer.write_eof()
                received = await asyncio.wait_for(reader.read(-1), HANG_SECONDS)
    except asyncio.TimeoutError:
        return "hang"
    except OSError:  # it was sent away
        pass
    finally:
        writer.close()
    return "answered" if received else "closed"


def _event(rng: random.Random) -> bytes:
    kind, data, size = rng.choice(KINDS)
    data = dict(data)
    if size and rng.random() < 0.3:
        data |= rng.choice(FORMATS)
    payload = rng.randbytes(rng.choice((size, size, 0, 1, 7))) if size else b""
    header: dict[str, Any] = {"type": kind, "data": data, "payload_length": len(payload)}
    body = b""
    if rng.random() < 0.5:  # as the library writes it
        body = json.dumps(header.pop("data")).encode()
        header["data_length"] = len(body)
    for _ in range(rng.choice((0, 0, 1, 2))):
        target = rng.choice((header, header, data))
        key = rng.choice((*target, "type", "data_length", "payload_length", "timestamp", "x"))
        target[key] = odd(rng)
    if rng.random() < 0.02:
        return rng.choice(
            (b"[" * 60_000, rng.randbytes(500), b"\n" * 500, b"GET / HTTP/1.1\r\n\r\n")
        )
    whole = json.dumps(header).encode() + b"\n" + body + payload
    return mutated(whole, rng) if rng.random() < 0.4 else whole


def _good(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=3 * HANG_SECONDS) as client:
        client.sendall(b'{"type": "describe"}\n')
        assert client.recv(20).startswith(b'{"type": "info"')
