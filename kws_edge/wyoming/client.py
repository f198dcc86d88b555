"""One client of the wake-word server: PCM of any format in, events out. No network.

Audio of any format runs on the client's own clock. An ``audio-start``, or a chunk of another
format than the one before, starts a stream with an engine of its own.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from kws_edge.audio.files import from_pcm16, to_mono
from kws_edge.audio.resampling import ResampleStream, resample_stream
from kws_edge.boundary import printable
from kws_edge.config.config import Config
from kws_edge.daemon.control import LoadedModels
from kws_edge.detection import detector
from kws_edge.engine import Engine
from kws_edge.errors import ValidationErrors
from kws_edge.sources.base import Block
from kws_edge.types import FloatArray
from kws_edge.wyoming.protocol import ClientError, wake_info

SLICE_SECONDS = 0.1
MAX_CHUNK_SECONDS = 600  # the bound of the work that one event can ask for

MAX_MILLISECONDS = 2**53  # of a client's clock: what every reader of JSON takes


@dataclass(frozen=True)
class PcmFormat:
    """``rate`` in Hz; ``width`` in bytes, little-endian and signed except for 1 byte, which
    is unsigned, as in WAV files; ``channels`` interleaved. Raises `ValidationErrors`."""

    rate: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        limits = {"rate": (1000, 384000), "width": (1, 4), "channels": (1, 32)}
        faults = []
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                faults.append(f"{name}: found {value!r:.40}, expected {low} to {high}")
        if faults:
            raise ValidationErrors(faults)

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return self.width * self.channels


class PcmStream:
    """Converts a stream; how it is cut up makes no difference."""

    def __init__(self, format_: PcmFormat, sample_rate: int) -> None:
        self.format = format_
        self.frames = 0  # whole ones so far
        self._rest = b""  # the beginning of a frame whose end has not come yet
        self._resampler: ResampleStream | None = None
        if format_.rate != sample_rate:
            self._resampler = resample_stream(format_.rate, sample_rate)

    @property
    def seconds(self) -> float:
        """Time in the stream."""
        return self.frames / self.format.rate

    def push(self, data: bytes) -> Iterator[FloatArray]:
        """``data`` as samples ``[n]``, float32 in [-1, 1), at most 0.1 s at a time."""
        if self._rest:  # a copy, of up to 4 MB
            data = self._rest + data
        whole = len(data) - len(data) % self.format.frame
        self._rest = data[whole:]
        size = max(1, int(SLICE_SECONDS * self.format.rate)) * self.format.frame
        for start in range(0, whole, size):
            samples = decode(data[start : min(start + size, whole)], self.format)
            self.frames += len(samples)
            yield self._resampled(samples)

    def flush(self) -> FloatArray:
        """What the resampler still held, at the end of the stream."""
        return self._resampled(np.zeros(0, np.float32), last=True)

    def _resampled(self, samples: FloatArray, last: bool = False) -> FloatArray:
        if self._resampler is None:
            return samples
        return self._resampler.resample_chunk(samples, last=last)


def decode(data: bytes, format_: PcmFormat) -> FloatArray:
    """Whole frames as mono samples ``[n]``, float32 in [-1, 1)."""
    return to_mono(_samples(data, format_.width).reshape(-1, format_.channels))


def _samples(data: bytes, width: int) -> FloatArray:
    """``[frames * channels]``; full scale is 1 at any width."""
    if width == 2:
        return from_pcm16(data)
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if width == 3:  # the upper three bytes of 32 bits
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data = padded.tobytes()
    return np.frombuffer(data, "<i4").astype(np.float32) / np.float32(2**31)


log = logging.getLogger(__name__)


class ClientSession:
    """State of one client. Sessions of one thread may share ``models``; ``info`` is the answer to
    ``describe``."""

    def __init__(self, models: LoadedModels, info: Info, client: str) -> None:
        self._models, self._info, self._client = models, info, client
        self._keywords = models.active_keywords
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
            # as it came, but for halves of characters, which no protocol can carry
            echo = text.encode(errors="replace").decode() if isinstance(text, str) else None
            yield Pong(text=echo).event()
        else:  # newer clients may send what is not known here: the protocol says to drop it
            log.debug("%s: event %.40r is not for this server", self._client, event.type)

    def _start(self, format_: PcmFormat, milliseconds: int | None) -> "_Stream":
        spotter = self._models.spotter()
        spotter.set_active_keywords(self._chosen)
        return _Stream(format_, Engine(spotter), milliseconds or 0)

    def _chunk(self, event: Event) -> Iterator[Event | None]:
        format_, milliseconds = _format(event), _milliseconds(event)
        seconds = len(event.payload or b"") / format_.frame / format_.rate
        if seconds > MAX_CHUNK_SECONDS:
            raise ClientError(
                f"audio-chunk: found {seconds:.0f} s of audio, expected at most {MAX_CHUNK_SECONDS}"
            )
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
            asked = printable(", ".join(wanted[name][:100] for name in unknown[:10]))
            text = f"{asked:.100}: no such keyword ({', '.join(self._keywords)})"
            log.warning("%s asks for %s", self._client, text)
            yield Error(text=text, code="unknown-keyword").event()


class SessionMaker:
    """Sessions of clients over the models of a configuration, all of them for one thread."""

    def __init__(self, config: Config, languages: Sequence[str]) -> None:
        """``languages`` of the keywords, by default English. Raises as `LoadedModels`."""
        self.models = LoadedModels(replace(config, sinks={}))  # no sink gets its near misses
        manifests, keywords = self.models.manifests, self.models.active_keywords
        self._info = wake_info(manifests, keywords, languages or ("en",))

    def __call__(self, client: str) -> ClientSession:
        """The session of a client, by its name in the log."""
        return ClientSession(self.models, self._info, client)


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
    if isinstance(value, (int, float)) and type(value) is not bool:
        return int(value) if abs(value) <= MAX_MILLISECONDS else None
    return None


def _normal(name: str) -> str:
    """As wake words are compared elsewhere: OK_Nabu is ok nabu."""
    return name.casefold().replace("_", " ").strip()
