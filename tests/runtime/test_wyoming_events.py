"""Reading events: what the library writes, and what nobody should have written."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wyoming.event import Event, async_write_event

from kws_edge.config.config import Config
from kws_edge.wyoming.client import SessionMaker
from kws_edge.wyoming.protocol import MAX_HEADER, ClientError, EventReader

Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
HEADERS = st.fixed_dictionaries(
    {}, optional={"type": Json, "data": Json, "data_length": Json, "payload_length": Json}
)


@pytest.fixture(scope="module")
def make_session(model_path: Path) -> SessionMaker:
    return SessionMaker(Config(model=str(model_path)), ())


def read_all(data: bytes) -> list[Event]:
    """The events of a stream that is fed and then ends. Raises `ClientError`."""

    async def read() -> list[Event]:
        stream = asyncio.StreamReader(limit=MAX_HEADER)
        stream.feed_data(data)
        stream.feed_eof()
        reader, events = EventReader(stream), []
        while event := await reader.read():
            events.append(event)
        return events

    return asyncio.run(read())


@given(st.lists(st.tuples(st.text(), st.dictionaries(st.text(), Json), st.binary()), max_size=5))
@settings(max_examples=50, deadline=None)
def test_what_the_library_writes_is_read(sent: list[tuple[str, dict[str, object], bytes]]) -> None:
    class Buffer:
        """The two methods of a writer that the library uses, and the third."""

        def __init__(self) -> None:
            self.data = b""

        def write(self, data: bytes) -> None:
            self.data += data

        def writelines(self, parts: tuple[bytes, ...]) -> None:
            self.data += b"".join(parts)

        async def drain(self) -> None:
            pass

    async def written() -> bytes:
        buffer = Buffer()
        for kind, data, payload in sent:
            await async_write_event(Event(kind, data, payload), buffer)  # type: ignore[arg-type]
        return buffer.data

    found = read_all(asyncio.run(written()))
    # by their text, as NaN is not equal to itself
    assert [(e.type, json.dumps(e.data), e.payload or b"") for e in found] == [
        (kind, json.dumps(data), payload) for kind, data, payload in sent
    ]


@given(header=HEADERS, rest=st.binary(max_size=100))
@example(header={"type": "x", "data_length": 2}, rest=b"[]")
@example(header={"type": "x", "data": None, "data_length": True}, rest=b"")
@settings(max_examples=200, deadline=None)
def test_anything_else_is_a_fault_of_the_client(header: dict[str, object], rest: bytes) -> None:
    data = json.dumps(header).encode() + b"\n" + rest
    fault = ""
    try:
        for event in read_all(data):
            assert isinstance(event.type, str)
            assert isinstance(event.data, dict)
    except ClientError as error:
        fault = str(error)
    assert len(fault) < 200


@given(
    events=st.lists(
        st.builds(
            Event,
            st.sampled_from(["detect", "audio-start", "audio-chunk", "audio-stop", "ping"]),
            st.dictionaries(
                st.sampled_from(["names", "rate", "width", "channels", "timestamp", "text"]),
                Json | st.sampled_from([1, 2, 16000, ["yes"]]),
            ),
            st.binary(max_size=4000),
        ),
        max_size=5,
    )
)
@settings(max_examples=100, deadline=None)
def test_a_session_takes_any_event(events: list[Event], make_session: SessionMaker) -> None:
    session = make_session("client")
    known = {"not-detected", "pong", "error", "detection"}
    with contextlib.suppress(ClientError):
        for event in events:
            assert {answer.type for answer in session.handle(event) if answer} <= known


def fault_of(read: Callable[[asyncio.StreamReader, EventReader], Awaitable[object]]) -> str:
    async def run() -> str:
        stream = asyncio.StreamReader(limit=MAX_HEADER)
        with pytest.raises(ClientError) as caught:
            await read(stream, EventReader(stream, patience=0.05))
        return str(caught.value)

    return asyncio.run(run())


def test_a_client_that_says_nothing_is_sent_away() -> None:
    assert fault_of(lambda _, reader: reader.read()) == "said nothing for 0.05 s"


def test_a_client_may_pause_between_events_but_not_within_one() -> None:
    async def talk(stream: asyncio.StreamReader, reader: EventReader) -> None:
        stream.feed_data(b'{"type": "ping"}\n')
        assert await reader.read()
        later = asyncio.get_running_loop().call_later(0.2, stream.feed_data, b'{"type": "ping')
        await reader.read()
        later.cancel()

    assert fault_of(talk) == "stopped in the middle of an event for 0.05 s"
