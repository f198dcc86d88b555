"""One open stream of PortAudio, in a format that the device does.

Its callback only copies into a bounded queue.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from kws_edge.config.schema import check_bounds, setting
from kws_edge.sources.base import BLOCK_SECONDS
from kws_edge.sources.portaudio import (
    Device,
    cannot_open,
    find_device,
    import_sounddevice,
    input_devices,
    works,
)

# what hardware does, best first: a whole multiple of 16 kHz, the common, the rest
RATES = (48000, 44100, 32000, 96000, 88200, 192000, 22050, 24000)
ALL_CHANNELS = 16  # a sound server offers more than there are, and mixes to fit


@dataclass(frozen=True)
class MicrophoneConfig:
    """Which microphone to open and how."""

    device: int | str | None = setting(
        None,
        doc="Index, name or part of the name ('kws-edge devices' lists them).",
        unset="the system's default",
        minimum=0,
        maximum=1000,
    )
    channel: int | Literal["mix"] = setting(
        "mix", doc="Channel to use, from 0; mix averages all.", minimum=0, maximum=255
    )
    queue_seconds: float = setting(
        5.0,
        doc="Audio that may wait for a busy processor before some is lost.",
        unit="s",
        minimum=0.05,
        maximum=60,
    )
    silence_seconds: float = setting(
        10.0,
        doc="Report the microphone as silent after this time of zeros or one constant.",
        unit="s",
        minimum=0.1,
        maximum=86_400,
    )

    def __post_init__(self) -> None:
        check_bounds(self)


class Instant(NamedTuple):
    """Seconds of a clock that goes on while the machine sleeps, and the sleep in it."""

    time: float
    asleep: float


def now() -> Instant:
    """The present; where the system cannot measure sleep, none is counted."""
    awake = time.monotonic()
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return Instant(awake, 0.0)
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Instant(since_boot, since_boot - awake)


@dataclass(frozen=True)
class CaptureFormat:
    """Sample rate in Hz, channels of int16 interleaved."""

    sample_rate: int
    channels: int

    def __str__(self) -> str:
        return f"{self.sample_rate} Hz, {self.channels} channel{'s'[: self.channels > 1]}"


def choose_format(
    works: Callable[[int, int], bool],
    wanted_rate: int,
    max_channels: int,
    default_rate: int,
    channel: int | Literal["mix"],
) -> CaptureFormat | None:
    """The first format that ``works(sample_rate, channels)``; None where none does.

    ``wanted_rate`` comes first and slower ones, which lack the upper half of speech, never.
    For a mix one channel is asked for first, for one channel of many all of them, so that
    nobody has mixed them before.
    """
    rates = [wanted_rate, *(rate for rate in (*RATES, default_rate) if rate > wanted_rate)]
    channels = list(_channel_counts(max_channels, channel))
    formats = (CaptureFormat(rate, n) for rate in dict.fromkeys(rates) for n in channels)
    return next((f for f in formats if works(f.sample_rate, f.channels)), None)


def _channel_counts(most: int, channel: int | Literal["mix"]) -> Iterator[int]:
    if channel == "mix":
        yield from dict.fromkeys(n for n in (1, 2, most, *range(3, most)) if n <= most)
    elif channel < most:
        fewest = min(most, max(2, channel + 1))
        if most <= ALL_CHANNELS:
            yield most
        yield from range(fewest, most + (most > ALL_CHANNELS))


class Packet(NamedTuple):
    """What one callback got: ``data`` is int16, interleaved, ``frames`` long.

    ``dropped`` frames found the queue full just before it.
    """

    source: "Capture"
    data: bytes
    frames: int
    dropped: int
    overflow: bool
    at: Instant


@dataclass
class CaptureCounts:
    """Counted by the callback, over all the streams that were given the object."""

    overflows: int = 0
    underflows: int = 0
    blocks_dropped: int = 0


class Capture:
    """Opens the configured device; once started, puts a `Packet` for each callback.

    ``put`` and ``full`` belong to the queue, ``finished`` reports the stream's end; all
    are called in PortAudio's thread and must not wait.
    """

    def __init__(
        self,
        sample_rate: int,
        config: MicrophoneConfig,
        put: Callable[[Packet], None],
        full: Callable[[], bool],
        finished: Callable[[], None],
        clock: Callable[[], Instant] = now,
        counts: CaptureCounts | None = None,
    ) -> None:
        """Raises `AudioDeviceError` where there is no such device or it does not open."""
        self._put, self._full, self._clock = put, full, clock
        self._counts = counts or CaptureCounts()
        self._dropped = 0
        self.device = find_device(config.device, input_devices())
        self.format = _format(self.device, sample_rate, config)
        self.last_audio: float | None = None  # on the monotonic clock
        sounddevice = import_sounddevice()
        try:
            self._stream = sounddevice.RawInputStream(
                samplerate=self.format.sample_rate,
                blocksize=round(BLOCK_SECONDS * self.format.sample_rate),
                device=self.device.index,
                channels=self.format.channels,
                dtype="int16",
                callback=self._callback,
                finished_callback=finished,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise cannot_open(config.device, error) from error

    def __str__(self) -> str:
        return f"{self.device.name}, {self.format}"

    @property
    def active(self) -> bool:
        """Whether PortAudio has not given the stream up."""
        return bool(self._stream.active)

    def close(self) -> None:
        """May wait for as long as the sound server does not answer."""
        self._stream.close()

    def _callback(self, data: Any, frames: int, _time: Any, status: Any) -> None:
        self.last_audio = time.monotonic()
        overflow = status.input_overflow
        self._counts.overflows += overflow
        self._counts.underflows += status.input_underflow
        if self._full():
            self._counts.blocks_dropped += 1
            self._dropped += frames
            return
        self._put(Packet(self, bytes(data), frames, self._dropped, overflow, self._clock()))
        self._dropped = 0


def _format(device: Device, sample_rate: int, config: MicrophoneConfig) -> CaptureFormat:
    wanted = device.name if config.device is None else config.device
    if fault := device.fault():
        raise cannot_open(config.device, fault)
    if config.channel != "mix" and config.channel >= device.channels:
        raise cannot_open(
            wanted, f"channel {config.channel} is not there: {device.channels} in all, from 0"
        )
    chosen = choose_format(
        lambda rate, channels: works(device, rate, channels),
        sample_rate,
        device.channels,
        device.sample_rate,
        config.channel,
    )
    if chosen is None:
        raise cannot_open(wanted, f"it does no sample rate of {sample_rate} Hz or more")
    return chosen
