"""The guided recorder on the page: takes from the engine's audio, judged and kept as those of
'kws-edge record'.

Everything about a session happens in the server's thread; only `Listening` is called from the
engine's, once for each block of audio while a take is recorded.
"""

import asyncio
import io
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from kws_edge.audio.files import write_wav
from kws_edge.audio.level import FULL_SCALE, LOWEST_DBFS
from kws_edge.detection.detector import is_keyword
from kws_edge.errors import DataError
from kws_edge.events import Event
from kws_edge.metrics import Relay
from kws_edge.recorder.collection import Collection, check_name, check_speaker
from kws_edge.recorder.screen import figures
from kws_edge.recorder.session import Guide, SessionConfig
from kws_edge.recorder.take import SAMPLE_RATE, SPECIAL_LABELS, Take, TakeRecorder, Timing, judge
from kws_edge.sinks.page.server import json_body
from kws_edge.sources.base import Block
from kws_edge.spotter import Decision

MAX_LABELS = 50
MAX_COUNT = 1000  # samples of a label
MAX_SECONDS = 10.0  # to speak in
IDLE_SECONDS = 600.0  # then a session ends that nobody answers
LATE_SECONDS = 5.0  # for which a take may come late
ANSWERS = ("keep", "again", "skip", "quit")


class Listening:
    """An `Observer` for one take, and the `Meter` that keeps what the page shows of it.

    ``done`` is called in the engine's thread when the take is complete.
    """

    def __init__(self, timing: Timing, sample_rate_hz: int, done: Callable[[], object]) -> None:
        self.phase, self.seconds_left = "countdown", timing.countdown_seconds
        self.level_dbfs: float | None = None
        self.clipped = False
        self.recorder = TakeRecorder(timing, self, sample_rate_hz)
        self._done: Callable[[], object] | None = done

    def block(self, block: Block) -> None:
        if self._done and self.recorder.push(block):
            self.phase = "judging"
            self._done()
            self._done = None

    def decision(self, decision: Decision) -> None: ...

    def event(self, event: Event) -> None: ...

    def countdown(self, seconds_left: float) -> None:
        self.seconds_left = seconds_left

    def now(self) -> None:
        self.phase = "now"

    def level(self, level_dbfs: float, peak: float, seconds_left: float) -> None:
        # digital silence is -inf, which JSON cannot say
        self.level_dbfs, self.seconds_left = max(level_dbfs, LOWEST_DBFS), seconds_left
        self.clipped = peak >= FULL_SCALE


@dataclass
class PageSession:
    """A session in progress: it records (``listening``) or waits for an answer to ``take``.

    ``faults`` refuse the take; ``take`` is None where no audio came. ``saved``: the last sample.
    """

    guide: Guide
    config: SessionConfig
    number: int = 0  # of the take, so that an answer to an earlier one does nothing
    listening: Listening | None = None
    take: Take | None = None
    faults: tuple[str, ...] = ()
    saved: str = ""

    def describe(self) -> dict[str, Any]:
        prompt, listening, take = self.guide.prompt, self.listening, self.take
        level = listening.level_dbfs if listening else None
        return {
            "speaker": self.config.speaker,
            "count": self.config.count,
            "have": dict(self.guide.have),
            "take": self.number,
            "label": prompt and prompt.label,
            "prompt": prompt and prompt.text,
            "phase": listening.phase if listening else "answer",
            "seconds_left": round(listening.seconds_left, 1) if listening else 0.0,
            "level_dbfs": None if level is None else round(level, 1),
            "clipped": bool(listening and listening.clipped),
            "faults": list(self.faults),
            "figures": figures(take.measures) if take else "",
            "saved": self.saved,
        }


class Record:
    """Records samples into ``recordings`` (None: there is no such folder), one session at a time.

    A session belongs to the page, not to a browser: all who open the page see it. It ends when
    all samples are there, on request, or `IDLE_SECONDS` after the last answer.
    """

    def __init__(
        self,
        recordings: Path | None,
        labels: Callable[[], Sequence[str]],
        sample_rate_hz: int,
        relay: Relay | None,
    ) -> None:
        """``labels``: those of the model at work; ``relay`` brings blocks at ``sample_rate_hz``."""
        self._recordings, self._rate, self._relay = recordings, sample_rate_hz, relay
        self._model_labels = labels
        self._session: PageSession | None = None
        self._numbers = 0  # of all sessions: a take is never mistaken for another
        self._ended = ""
        self._changing = asyncio.Lock()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._judging: asyncio.Task[None] | None = None

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/api/record", self._show),
            web.post("/api/record", self._start),
            web.post("/api/record/answer", self._answer),
            web.get("/api/record/take", self._send_take),
        ]

    def describe(self) -> dict[str, Any]:
        """``ended``: how the last session did."""
        return {
            "recordings": str(self._recordings) if self._recordings else None,
            "labels": (*filter(is_keyword, self._model_labels()), *reversed(SPECIAL_LABELS)),
            "session": self._session.describe() if self._session else None,
            "ended": self._ended,
        }

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(self.describe())

    async def _start(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        async with self._changing:
            if self._recordings is None:
                raise DataError("page.recordings is not set: there is no folder for samples")
            if self._session:
                raise DataError("a session is in progress: end it first")
            config = session_config(body)
            collection, shuffled = Collection(self._recordings), random.Random()
            guide = await asyncio.to_thread(Guide, config, collection, shuffled)
            self._session = PageSession(guide, config)
            self._next(self._session)
        return await self._show(request)

    async def _answer(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        answer = body.get("answer")
        if answer not in ANSWERS:
            raise DataError(f"answer: not one of {', '.join(ANSWERS)}")
        async with self._changing:
            session = self._session
            if session is None:
                raise DataError("no session is in progress")
            if answer == "quit":
                self._end("ended")
                return await self._show(request)
            if body.get("take") != session.number:
                raise DataError("take: it has been answered already")
            if answer == "keep":
                await self._keep(session)
            elif answer == "skip":
                session.guide.skip()
            if self._session is session:  # it may have come to its idle end meanwhile
                self._next(session)
        return await self._show(request)

    async def _send_take(self, request: web.Request) -> web.Response:
        session = self._session
        if session is None or session.take is None:
            raise web.HTTPNotFound
        take, file = session.take, io.BytesIO()
        samples = take.raw if take.faults else take.sample
        await asyncio.to_thread(write_wav, file, samples, SAMPLE_RATE)
        return web.Response(body=file.getvalue(), content_type="audio/wav")

    async def _keep(self, session: PageSession) -> None:
        if session.take is None or session.faults:
            raise DataError("there is no good take to keep")
        entry = await asyncio.to_thread(session.guide.keep, session.take, None)
        session.saved = str((self._recordings or Path()) / entry.path)

    def _next(self, session: PageSession) -> None:
        """Record a take of the prompt; the end where there is none."""
        self._stop_listening(session)
        self._numbers += 1
        session.number, session.take, session.faults = self._numbers, None, ()
        if session.guide.prompt is None:
            self._end("done")
            return
        loop, timing, number = asyncio.get_running_loop(), session.config.timing, session.number

        def done() -> None:
            if self._relay:
                self._relay.detach(listening)
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(self._complete, session, number)

        listening = Listening(timing, self._rate, done)
        session.listening = listening
        if self._relay:
            self._relay.attach(listening)
        late = timing.countdown_seconds + timing.seconds + LATE_SECONDS
        self._later("late", late, self._give_up, session, number)
        self._later("idle", IDLE_SECONDS, self._end, f"ended: {IDLE_SECONDS / 60:g} min idle")

    def _complete(self, session: PageSession, number: int) -> None:
        """A take has been recorded."""
        if self._session is session and session.number == number and session.listening:
            self._timers.pop("late").cancel()
            self._judging = asyncio.ensure_future(self._judge(session, session.listening))

    async def _judge(self, session: PageSession, listening: Listening) -> None:
        prompt = session.guide.prompt
        assert prompt
        take = await asyncio.to_thread(_judged, listening.recorder, prompt.label)
        if session.listening is listening:  # not skipped meanwhile
            session.listening, session.take, session.faults = None, take, take.faults

    def _give_up(self, session: PageSession, number: int) -> None:
        if self._session is session and session.number == number:
            self._stop_listening(session)
            session.faults = ("no audio: none comes from the microphone; see Watch",)

    def _stop_listening(self, session: PageSession) -> None:
        if session.listening and self._relay:
            self._relay.detach(session.listening)
        session.listening = None

    def _end(self, how: str) -> None:
        """``how``: as the page shows it, before the number of samples."""
        session, self._session = self._session, None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if session:
            self._stop_listening(session)
            counts = ", ".join(
                f"{x} {n} of {session.config.count}" for x, n in session.guide.have.items()
            )
            self._ended = f"{how}: {counts}"

    def _later(
        self, name: str, seconds: float, action: Callable[..., object], *given: object
    ) -> None:
        """Call ``action`` unless the timer of this name is set again before."""
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, action, *given)


def session_config(body: dict[str, Any]) -> SessionConfig:
    """What a request to start asks for. Raises `DataError`."""
    labels, speaker = body.get("labels"), body.get("speaker")
    if not isinstance(labels, list) or not 1 <= len(labels) <= MAX_LABELS:
        raise DataError(f"labels: choose 1 to {MAX_LABELS} words")
    count = _number(body, "count", 10, 1, MAX_COUNT)
    seconds = _number(body, "seconds", Timing.seconds, 1.0, MAX_SECONDS)
    if not isinstance(speaker, str):
        raise DataError("speaker: is missing")
    try:
        names = tuple(dict.fromkeys(check_name(str(x), SPECIAL_LABELS) for x in labels))
    except ValueError as error:
        raise DataError(f"labels: {error}") from error
    try:
        speaker = check_speaker(speaker)
    except ValueError as error:
        raise DataError(f"speaker: {error}") from error
    return SessionConfig(names, speaker, int(count), Timing(seconds=seconds))


def _number(body: dict[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = body.get(name, default)
    whole = isinstance(default, int)
    if type(value) not in ((int,) if whole else (int, float)) or not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        raise DataError(f"{name}: expected {kind} from {least:g} to {most:g}")
    return value


def _judged(recorder: TakeRecorder, label: str) -> Take:
    raw, lost = recorder.raw()
    return judge(raw, label, lost)
