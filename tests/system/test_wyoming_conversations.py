"""How different clients talk to the wake-word server: all of them are understood."""

import asyncio
from collections.abc import Iterator

import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Describe
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected
from wyoming_server import (
    Server,
    answer,
    chunks,
    connected,
    demo_pcm,
    detections_in,
    names_and_times,
    stream,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def demo() -> bytes:
    return demo_pcm()


def test_not_detected_and_the_next_stream_of_the_same_client(server: Server, demo: bytes) -> None:
    async def talk() -> None:
        async with connected(server.uri) as client:
            start, stop = AudioStart(16000, 2, 1).event(), AudioStop().event()
            assert NotDetected.is_type((await answer(client, start, stop)).type)
            assert NotDetected.is_type((await answer(client, stop)).type)
            quiet = list(chunks(bytes(64000)))
            assert NotDetected.is_type((await answer(client, start, *quiet, stop)).type)
            first, second = await stream(client, demo), await stream(client, demo)
            assert len(first) > 8
            assert names_and_times(first) == names_and_times(second)

    asyncio.run(talk())


def test_as_home_assistant_talks(server: Server, demo: bytes) -> None:
    """One connection an utterance: a choice, audio until the detection, then it hangs up."""

    async def talk() -> Detection:
        async with connected(server.uri) as client:
            await client.write_event(Detect(names=["left"]).event())
            await client.write_event(AudioStart(16000, 2, 1).event())
            reading = asyncio.create_task(client.read_event())
            for number in range(len(demo) // 1024):
                pcm = demo[number * 1024 : (number + 1) * 1024]
                chunk = AudioChunk(16000, 2, 1, pcm, timestamp=1_000_000 + 32 * number)
                await client.write_event(chunk.event())
                if reading.done():
                    break
            event = await reading
            assert event
            return Detection.from_event(event)

    for _ in range(2):
        found = asyncio.run(talk())
        assert found.name == "left"
        # spoken at 9.5 s of the recording
        assert found.timestamp is not None
        assert 1_009_500 < found.timestamp < 1_011_000


def test_as_a_satellite_talks(server: Server, demo: bytes) -> None:
    """One connection for ever: detect and start again without a stop, info in between."""

    async def talk() -> None:
        async with connected(server.uri) as client:
            again = [Detect().event(), AudioStart(16000, 2, 1).event()]
            for _ in range(3):
                found = await answer(client, *again, *chunks(demo[: 4 * 32000]))
                assert Detection.is_type(found.type)
                await client.write_event(Describe().event())
                while (event := await client.read_event()) and event.type != "info":
                    assert Detection.is_type(event.type)

    asyncio.run(talk())


def test_audio_without_a_start(server: Server, demo: bytes) -> None:
    async def talk() -> list[tuple[str | None, int | None]]:
        async with connected(server.uri) as client:
            last = Ping(text="done").event()
            for event in (*chunks(demo), AudioStop().event(), last):
                await client.write_event(event)
            found = []
            while (event_ := await client.read_event()) and Detection.is_type(event_.type):
                found.append(Detection.from_event(event_))
            return names_and_times(found)

    assert asyncio.run(talk()) == names_and_times(asyncio.run(detections_in(server.uri, demo)))


def test_ping_and_events_not_for_it(server: Server) -> None:
    async def talk() -> Event:
        async with connected(server.uri) as client:
            unknown = [Event("select-program", {"name": "x"}), Event("transcribe", {}, b"abc")]
            return await answer(client, *unknown, Ping(text="hallo").event())

    assert Pong.from_event(asyncio.run(talk())).text == "hallo"


def test_a_verifier_that_confirms_nothing(demo: bytes) -> None:
    with Server("--verifier", "small-int8", "--verifier-threshold", "1") as strict:
        assert asyncio.run(_streamed(strict, demo)) == []
    with Server("--verifier", "small-int8", "--verifier-threshold", "0.1") as lenient:
        assert len(asyncio.run(_streamed(lenient, demo))) > 5


async def _streamed(server: Server, pcm: bytes) -> list[Detection]:
    async with connected(server.uri) as client:
        return await stream(client, pcm)
