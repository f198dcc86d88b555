"""One client of the wake-word server: events in, events out. No network.

Audio of any format runs on the client's own clock; an ``audio-start``, or a chunk of another
format than the one before, starts a stream with an engine of its own.
"""

import logging
import math
from collections.abc import Iterator
from typing import Any

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from kws_edge.detection import detector
from kws_edge.detection.detector import DetectorConfig
from kws_edge.engine import Engine
from kws_edge.errors import ValidationErrors
from kws_edge.model.classifier import Classifier
from kws_edge.sources.base import Block
from kws_edge.spotter import KeywordSpotter
from kws_edge.wyoming.pcm import PcmFormat, PcmStream
from kws_edge.wyoming.protocol import ClientError

log = logging.getLogger(__name__)


class Session:
    """State of one client. ``classifier`` may be shared among sessions of one thread."""

    def __init__(
        self, classifier: Classifier, config: DetectorConfig, info: Info, client: str
    ) -> None:
        self._classifier, self._config, self._info = classifier, config, info
        self._client = client
        self._keywords = classifier.manifest.keywords
        self._chosen = self._keywords
        self._stream: _Stream | None = None

    def handle(self, event: Event) -> Iterator[Event | None]:
        """Answers to an event; None where others may have a turn. Raises `ClientError`."""
        if AudioChunk.is_type(event.type):
            yield from self._chunk(event)
        elif AudioStart.is_type(event.type):
            self._stream = self._start(_format(event), _milliseconds(event))
        elif AudioStop.is_type(event.type):
            yield from self._stop()
        elif Detect.is_type(event.type):
            yield from self._detect(event.data.get("names"))
        elif Describe.is_type(event.type):
            yield self._info.event()
        elif Ping.is_type(event.type):
            text = event.data.get("text")
            yield Pong(text=text if isinstance(text, str) else None).event()
        else:  # newer clients may send what is not known here: the protocol says to drop it
            log.debug("%s: event %.40r is not for this server", self._client, event.type)

    def _start(self, format_: PcmFormat, milliseconds: int | None) -> "_Stream":
        spotter = KeywordSpotter(self._classifier, self._config)
        spotter.set_active_keywords(self._chosen)
        return _Stream(format_, Engine(spotter), milliseconds or 0)

    def _chunk(self, event: Event) -> Iterator[Event | None]:
        format_, milliseconds = _format(event), _milliseconds(event)
        if self._stream is None or self._stream.pcm.format != format_:
            self._stream = self._start(format_, milliseconds)
        elif milliseconds is not None:
            self._stream.set_time(milliseconds)
        for number, samples in enumerate(self._stream.pcm.push(event.payload or b"")):
            if number:
                yield None
            found = self._stream.engine.process(Block(samples))
            yield from self._answers(self._stream, found)

    def _stop(self) -> Iterator[Event | None]:
        stream, self._stream = self._stream, None
        if stream:
            found = stream.engine.process(Block(stream.pcm.flush()))
            yield from self._answers(stream, [*found, *stream.engine.finish()])
        if not stream or not stream.engine.detections:
            yield NotDetected().event()

    def _answers(self, stream: "_Stream", detections: list[detector.Detection]) -> Iterator[Event]:
        for found in detections:
            log.info("%s: %s %.2f", self._client, found.label, found.score)
            yield Detection(name=found.label, timestamp=stream.time_of(found)).event()

    def _detect(self, names: object) -> Iterator[Event]:
        if names is not None and not (
            isinstance(names, list) and all(isinstance(name, str) for name in names)
        ):
            raise ClientError(f"detect: found {names!r:.40}, expected a list of names")
        wanted = {_normal(name): name for name in names or self._keywords}
        self._chosen = tuple(word for word in self._keywords if _normal(word) in wanted)
        if self._stream:
            self._stream.engine.spotter.set_active_keywords(self._chosen)
        if unknown := sorted(wanted.keys() - set(map(_normal, self._chosen))):
            asked = ", ".join(wanted[name] for name in unknown)
            text = f"{asked:.100}: no such keyword ({', '.join(self._keywords)})"
            log.warning("%s asks for %s", self._client, text)
            yield Error(text=text, code="unknown-keyword").event()


class _Stream:
    """A stream of audio under way, and what the client's clock says."""

    def __init__(self, format_: PcmFormat, engine: Engine, milliseconds: int) -> None:
        self.pcm = PcmStream(format_, engine.spotter.features.sample_rate)
        self.engine = engine
        self.set_time(milliseconds)

    def set_time(self, milliseconds: int) -> None:
        """The client's time of the next sample."""
        self._known = (self.pcm.seconds, milliseconds)

    def time_of(self, detection: detector.Detection) -> int:
        """In ms of the client's clock: the end of the window that decided."""
        seconds, milliseconds = self._known
        return milliseconds + round((detection.time_s - seconds) * 1000)


def _format(event: Event) -> PcmFormat:
    data: dict[str, Any] = event.data
    try:
        return PcmFormat(data.get("rate", 0), data.get("width", 0), data.get("channels", 0))
    except ValidationErrors as error:
        raise ClientError(f"{event.type}: {error}") from None


def _milliseconds(event: Event) -> int | None:
    """The client's time of an event, where it is a number."""
    value = event.data.get("timestamp")
    if type(value) is int:
        return value
    return int(value) if type(value) is float and math.isfinite(value) else None


def _normal(name: str) -> str:
    """As wake words are compared elsewhere: OK_Nabu is ok nabu."""
    return name.casefold().replace("_", " ").strip()
