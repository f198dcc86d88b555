"""Requests that may be none, to the metrics of a running engine."""

import asyncio
import random
import socket
import tempfile
import time
import urllib.request
from collections import Counter
from functools import partial
from pathlib import Path

from . import Summary
from .attacked import HANG_SECONDS, Attacked, attack, mutated

NAME = "HTTP requests"
CONCURRENT = 32
CHECK_EVERY = 250
LINES = (
    *("GET /metrics HTTP/1.1", "GET / HTTP/1.0", "HEAD / HTTP/1.1", "POST / HTTP/1.1", "GET /"),
    *("GET /?name[]=kws_edge_detections HTTP/1.1", "GET http://[::1 HTTP/1.1", "GET * HTTP/9.9"),
    *("OPTIONS * HTTP/1.1", "GET /%zz?%ff=%00;&& HTTP/1.1", "PRI * HTTP/2.0", "", " ", "GET"),
)
HEADERS = (
    *("Host: x", "Connection: keep-alive", "Accept-Encoding: gzip", "Expect: 100-continue"),
    *("Accept: application/openmetrics-text; version=1.0.0; escaping=values", "Accept: ;;=,="),
    *("Accept: text/plain;version=x;q=", "Content-Length: -1", "Transfer-Encoding: chunked"),
    *("a" * 9000 + ": b", "no colon", ": no name", " folded", "X: \x1b[31m"),
)


def run(count: int, seed: int) -> Summary:
    """One row of the table: what went wrong in ``count`` requests, by kind."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(f"metrics: {{port: {port}}}\n")
        listen = ("-m", "kws_edge", "listen", "--input", "-", "--sinks", "--config", config)
        with Attacked(listen) as engine:
            engine.wait_for("listening")
            _wait_for(port)
            ends: Counter[str] = Counter()
            for first in range(0, count, CHECK_EVERY):
                numbers = range(first, min(first + CHECK_EVERY, count))
                ends += asyncio.run(attack(partial(_ask, port), seed, numbers, CONCURRENT))
                engine.check(lambda: _good(port))
            engine.counts["hangs"] += ends["hang"]
            return engine.row(
                count, f"{ends['answered']} answered, {ends['closed']} closed without"
            )


async def _ask(port: int, rng: random.Random) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(_request(rng))
        await writer.drain()
        if rng.random() < 0.7:
            if rng.random() < 0.9:
                writer.write_eof()
            received = await asyncio.wait_for(reader.read(-1), HANG_SECONDS)
    except asyncio.TimeoutError:
        return "hang"
    except OSError:  # it was sent away
        pass
    finally:
        writer.close()
    return "answered" if received else "closed"


def _request(rng: random.Random) -> bytes:
    lines = [rng.choice(LINES), *rng.choices(HEADERS, k=rng.choice((0, 1, 1, 2, 5, 40)))]
    whole = "\r\n".join([*lines, "", ""]).encode()
    if rng.random() < 0.02:
        return rng.choice((rng.randbytes(2000), b"\0" * 20_000, b"\x16\x03\x01\x02\0\x01\0"))
    return mutated(whole, rng) if rng.random() < 0.5 else whole


def _good(port: int) -> None:
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=3 * HANG_SECONDS) as response:
        assert b"kws_edge_build_info" in response.read()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
