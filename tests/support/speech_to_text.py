"""A Wyoming server that transcribes whatever it gets as one sentence, in a thread of the test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from mosquitto import free_port
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStop
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info
from wyoming.server import AsyncEventHandler, AsyncServer

SENTENCE = "turn on the light"
NOBODY = Attribution(name="nobody", url="")


class FakeSpeechToText:
    """Counts the bytes of audio that it gets."""

    def __init__(self) -> None:
        self.port = free_port()
        self.audio_bytes = 0

    @property
    def info(self) -> Info:
        known = {"attribution": NOBODY, "installed": True, "description": None, "version": "1"}
        model = AsrModel(name="one", languages=["en"], **known)  # type: ignore[arg-type]
        return Info(asr=[AsrProgram(name="fake", models=[model], **known)])  # type: ignore[arg-type]

    @contextmanager
    def running(self) -> Iterator["FakeSpeechToText"]:
        loop = asyncio.new_event_loop()
        server = AsyncServer.from_uri(f"tcp://127.0.0.1:{self.port}")
        loop.run_until_complete(server.start(partial(_Handler, self)))
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


class _Handler(AsyncEventHandler):
    def __init__(
        self, fake: FakeSpeechToText, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(reader, writer)
        self._fake = fake

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            await self.write_event(self._fake.info.event())
        elif AudioChunk.is_type(event.type):
            self._fake.audio_bytes += len(event.payload or b"")
        elif AudioStop.is_type(event.type):
            await self.write_event(Transcript(SENTENCE).event())
        return True
