"""The Wyoming protocol: reading events from a client that may send anything; what we offer.

An event is a line of JSON (the header), then ``data_length`` bytes of more JSON, then
``payload_length`` bytes. The library's own reader takes the sizes as they come, keeps
whatever is announced in memory, and lets other faults out as they are.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from wyoming.event import Event
from wyoming.info import Attribution, Info, WakeModel, WakeProgram

from kws_edge import __version__
from kws_edge.model.manifest import Manifest

URL = re.compile(r"https?://[^\s)]+|arXiv:(?P<paper>\d+\.\d+)")
MAX_HEADER = 64 * 1024
MAX_DATA = 256 * 1024
MAX_PAYLOAD = 4 * 1024 * 1024  # over two minutes of 16 kHz, 16-bit mono


class ClientError(Exception):
    """A client's error: its connection ends, the other clients' go on."""


class EventReader:
    """Reads from a stream made with a limit of `MAX_HEADER`.

    Between two events a client may take all the time it wants, once the first has come;
    one that has begun must end within ``patience`` seconds.
    """

    def __init__(self, stream: asyncio.StreamReader, patience: float = 30.0) -> None:
        self._stream = stream
        self._patience = patience
        self._spoke = False

    async def read(self) -> Event | None:
        """The next event; None when the client left. Raises `ClientError`."""
        try:
            with nullcontext() if self._spoke else self._limit("said nothing"):
                first = await self._stream.read(1)
        except ConnectionError:
            return None
        if not first:
            return None
        self._spoke = True
        with self._limit("stopped in the middle of an event"):
            return await self._event(first)

    async def _event(self, first: bytes) -> Event:
        try:
            header = _object(first + await self._stream.readuntil(b"\n"), "header")
            data = header.get("data") or {}
            if not isinstance(data, dict):
                raise ClientError(f"data: found {data!r:.40}, expected a JSON object")
            if length := _length(header, "data_length", MAX_DATA):
                data |= _object(await self._stream.readexactly(length), "data")
            length = _length(header, "payload_length", MAX_PAYLOAD)
            payload = await self._stream.readexactly(length) if length else None
        except asyncio.LimitOverrunError:
            raise ClientError(f"sent a header of over {MAX_HEADER} bytes") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ClientError("left in the middle of an event") from None
        kind = header.get("type")
        if not isinstance(kind, str):
            raise ClientError(f"type: found {kind!r:.40}, expected the name of an event")
        return Event(kind, data, payload)

    @contextmanager
    def _limit(self, fault: str) -> Iterator[None]:
        # a timer costs far less than asyncio.wait_for, and chunks come by the hundred
        error = ClientError(f"{fault} for {self._patience:g} s")
        timer = asyncio.get_running_loop().call_later(
            self._patience, self._stream.set_exception, error
        )
        try:
            yield
        finally:
            timer.cancel()


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ClientError(f"sent a {what} that is not JSON: {text[:40]!r}") from None
    if not isinstance(value, dict):
        raise ClientError(f"sent a {what} that is not a JSON object: {text[:40]!r}")
    return value


def _length(header: dict[str, Any], name: str, limit: int) -> int:
    value = header.get(name) or 0
    if type(value) is not int or not 0 <= value <= limit:
        raise ClientError(f"{name}: found {value!r:.40}, expected 0 to {limit}")
    return value


def wake_info(
    models: Sequence[Manifest], keywords: Sequence[str], languages: Sequence[str]
) -> Info:
    """The answer to ``describe``: Home Assistant shows the descriptions. A keyword of several
    models is described by the first."""
    offered = {
        word: _wake_word(word, manifest, languages)
        for manifest in reversed(models)
        for word in manifest.keywords
    }
    return Info(
        wake=[
            WakeProgram(
                name="kws-edge",
                description="Spoken keywords on this device"
                f" ({', '.join(manifest.name for manifest in models)})",
                attribution=Attribution(name="kws-edge", url=""),
                installed=True,
                version=__version__,
                models=[offered[word] for word in keywords],
            )
        ]
    )


def _wake_word(keyword: str, manifest: Manifest, languages: Sequence[str]) -> WakeModel:
    phrase = keyword.replace("_", " ")
    found = URL.search(manifest.attribution)
    url = f"https://arxiv.org/abs/{found['paper']}" if found and found["paper"] else ""
    return WakeModel(
        name=keyword,
        description=phrase,
        phrase=phrase,
        attribution=Attribution(name=manifest.attribution, url=url or (found[0] if found else "")),
        installed=True,
        version=manifest.run_id,
        languages=list(languages),
    )
