"""In which format to open a device that may not do 16 kHz mono."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

# what hardware does, best first: a whole multiple of 16 kHz, the common, the rest
RATES = (48000, 44100, 32000, 96000, 88200, 192000, 22050, 24000)
ALL_CHANNELS = 16  # a sound server offers more than there are, and mixes to fit


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
