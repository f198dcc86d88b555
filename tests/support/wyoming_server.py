"""The wake-word server as a user runs it, and what its clients do, for the tests."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.wake import Detect, Detection, NotDetected

from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.model.file import demo_recording

MODEL = ("--model", "mfcc-int8")  # hops of 100 ms, in which seconds can be shifted
COMMAND = [sys.executable, "-m", "kws_edge", "wyoming", *MODEL]
DEADLINE = 60.0  # generous: the machine may be busy


class Server:
    """``kws-edge wyoming`` in a process of its own; without ``uri``, where its file says."""

    def __init__(self, *arguments: str, uri: str = "tcp://127.0.0.1:0", **options: object) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *(["--uri", uri] if uri else []), *arguments],
            stderr=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        listening = self.wait_for("listening at ")
        self.uri = listening.partition("listening at ")[2].replace("0.0.0.0", "127.0.0.1")  # noqa: S104

    def wait_for(self, text: str, count: int = 1) -> str:
        """The line with ``text`` in it, once there are ``count`` of them."""
        found = eventually(lambda: self.found(text, count), lambda: f"{text!r} in {self.lines}")
        return found[count - 1]

    def found(self, text: str, count: int = 1) -> list[str]:
        lines = [line for line in self.lines if text in line]
        return lines if len(lines) >= count else []

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Seconds until it ended."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=DEADLINE)
        seconds = time.monotonic() - started
        self._reader.join()
        return seconds

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)
        assert not self.found("Traceback"), self.lines

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))


def eventually(condition: Callable[[], list[str]], what: Callable[[], str]) -> list[str]:
    """What ``condition`` gives once it gives something."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"still not: {what()}")


@asynccontextmanager
async def connected(uri: str) -> AsyncIterator[AsyncClient]:
    client = AsyncClient.from_uri(uri)
    client.read_timeout = DEADLINE
    await client.connect()
    try:
        yield client
    finally:
        with suppress(ConnectionError):
            await client.disconnect()


def chunks(
    pcm: bytes, size: int = 2048, rate: int = 16000, width: int = 2, channels: int = 1
) -> Iterator[Event]:
    for start in range(0, len(pcm), size):
        yield AudioChunk(rate, width, channels, pcm[start : start + size]).event()


def demo_pcm() -> bytes:
    """The recording that ships, 16 kHz, 16-bit mono."""
    return to_pcm16(read_audio(demo_recording(), 16000)).tobytes()


def names_and_times(detections: list[Detection]) -> list[tuple[str | None, int | None]]:
    """Keyword and time in ms."""
    return [(detection.name, detection.timestamp) for detection in detections]


async def answer(client: AsyncClient, *events: Event) -> Event:
    """What comes next, after ``events`` have been sent."""
    for event in events:
        await client.write_event(event)
    found = await client.read_event()
    assert found
    return found


async def stream(
    client: AsyncClient,
    pcm: bytes,
    size: int = 2048,
    rate: int = 16000,
    width: int = 2,
    channels: int = 1,
) -> list[Detection]:
    """Send a whole stream, and its end; what was detected in it."""
    await client.write_event(AudioStart(rate, width, channels).event())

    async def send() -> None:
        for chunk in chunks(pcm, size, rate, width, channels):
            await client.write_event(chunk)
        await client.write_event(AudioStop().event())
        # the answer to this comes when everything before has been worked off
        await client.write_event(Event("ping", {"text": "end"}))

    sending = asyncio.create_task(send())
    found = []
    while event := await client.read_event():
        if Detection.is_type(event.type):
            found.append(Detection.from_event(event))
        elif event.type == "pong":
            break
        else:
            assert NotDetected.is_type(event.type), event
            assert not found
    await sending
    return found


async def detections_in(uri: str, pcm: bytes, names: list[str] | None = None) -> list[Detection]:
    """What the server reports to a new client on a stream of 16 kHz, 16-bit mono."""
    async with connected(uri) as client:
        await client.write_event(Detect(names=names).event())
        return await stream(client, pcm)
