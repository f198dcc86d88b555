"""kws-edge as a process under attack, and the row that says what the attack did to it."""

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import Summary

HANG_SECONDS = 10
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2, 255, 65536, 2**31, 2**63, 10**30, 0.5, 1e308, float("inf")),
    *(float("nan"), "", "x", "9", "\x1b[2J", "\ud800", "a\nb", "\0", "x" * 5000, [], {}, [[]]),
    *({"": 0}, ["yes"], ["\ud800"] * 50, [1] * 2000, {"yes": {"no": []}}),
)


class Attacked:
    """A process whose stderr is kept; a context manager."""

    def __init__(self, arguments: Sequence[object], environment: Mapping[str, str] | None = None):
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            env=environment,
        )
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0
        self.worst_rss_mb = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Attacked":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def wait_for(self, text: str, seconds: float = 60.0) -> str:
        """The first line of stderr with ``text`` in it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.lines:
                if text in line:
                    return line
            time.sleep(0.05)
        raise AssertionError(f"no {text!r} in {self.lines[-20:]}")

    def check(self, good: Callable[[], object]) -> None:
        """Count a crash, or a hang where ``good``, what a good client does, takes too long."""
        if self.process.poll() is not None:
            raise AssertionError(f"it ended: {self.lines[-30:]}")
        began = time.monotonic()
        try:
            good()
        except Exception as error:
            sys.stderr.write(f"a good client: {type(error).__name__}: {error}\n")
            self.counts["refused"] += 1
        seconds = time.monotonic() - began
        self.slowest = max(self.slowest, seconds)
        self.counts["hangs"] += seconds > HANG_SECONDS
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        self.worst_rss_mb = max(self.worst_rss_mb, int(peak.split()[1]) // 1024)

    def row(self, cases: int, note: str) -> Summary:
        """What went wrong in ``cases``; ``note`` goes to stderr."""
        tracebacks = [n for n, line in enumerate(self.lines) if "Traceback" in line]
        for number in tracebacks[:5]:
            sys.stderr.write("\n".join(self.lines[number : number + 30]) + "\n")
        sys.stderr.write(f"{note}, slowest good client {self.slowest:.1f} s\n")
        return Summary(
            cases,
            len(tracebacks),
            crashes=int(self.process.poll() is not None),
            hangs=self.counts["hangs"] + self.counts["refused"],
            worst_rss_mb=self.worst_rss_mb,
        )

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))


async def attack(
    talk: Callable[[random.Random], Awaitable[str]], seed: int, numbers: range, concurrent: int
) -> Counter[str]:
    """How the conversations ``numbers`` ended, each by its own generator, so many at a time."""
    ends: Counter[str] = Counter()
    waiting = iter(numbers)

    async def client() -> None:
        for number in waiting:
            ends[await talk(random.Random(f"{seed} {number}"))] += 1

    await asyncio.gather(*(client() for _ in range(concurrent)))
    return ends


def mutated(data: bytes, rng: random.Random) -> bytes:
    """``data`` with a few bytes changed, removed or doubled, or cut off."""
    content = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        place = rng.randrange(len(content) + 1)
        match rng.randrange(5):
            case 0 if place < len(content):
                content[place] = rng.randrange(256)
            case 1:
                content[place:place] = rng.choice((b"\0", b"\n", b"\r\n", b"\xff\xfe", b"{", b'"'))
            case 2:
                del content[place : place + rng.randrange(1, 20)]
            case 3:
                content[place:place] = content[: rng.randrange(1, 200)]
            case _:
                if rng.random() < 0.3:
                    del content[place:]
    return bytes(content)


def odd(rng: random.Random) -> Any:
    """A value that may fit nowhere."""
    return rng.choice(ODD)
