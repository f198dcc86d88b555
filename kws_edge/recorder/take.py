"""One take: recorded from a source, cut to the sample that is kept, and judged.

Each rule has its limit and a reason. The limits of level and noise pass all but the worst 2 or 3 %
of Mini Speech Commands, which volunteers recorded with whatever they had: median level of a word
-21 dBFS, 2nd percentile -46; median signal to noise 39 dB, 3rd percentile 15.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from kws_edge.audio.level import clipped_share, level_dbfs, to_dbfs
from kws_edge.audio.resampling import resample
from kws_edge.audio.speech_level import Sound, SpeechLevels, measure_speech
from kws_edge.errors import AudioDeviceError
from kws_edge.sources.base import AudioSource, Block
from kws_edge.types import FloatArray

# below: the features sink into the microphone's own noise, and the int16 steps into the word
LEAST_LEVEL_DBFS = -45.0
# below: a network learns the noise of your room along with the word
LEAST_SNR_DB = 15.0
# above: the tops are cut off, which sounds at all frequencies; a lone sample does no harm
MOST_CLIPPED = 0.001
EDGE_SECONDS = 0.03  # a word so close to an end of the take may go on beyond it
OTHER_SHARE = 0.1  # of the word's energy: another sound in the sample


@dataclass(frozen=True)
class TakeMeasures:
    """Figures of a take, in dB relative to full scale.

    ``level_dbfs``: of the active speech in the word, of everything where there is none;
    ``noise_dbfs``: of the quiet around it, both without rumble below 80 Hz; ``snr_db``: speech
    over noise; ``peak_dbfs``: the largest sample; ``clipped_share``: samples at full scale or on
    a flat top, 0 to 1. ``word``: from, to, in s.
    """

    level_dbfs: float
    noise_dbfs: float
    snr_db: float
    peak_dbfs: float
    clipped_share: float
    word: tuple[float, float] | None


def measure(samples: FloatArray, levels: SpeechLevels) -> TakeMeasures:
    """The figures of ``samples [n]``, float32 in [-1, 1), n > 0, with their ``levels``."""
    start, end = levels.bounds
    rate = levels.sample_rate_hz
    return TakeMeasures(
        levels.level_dbfs,
        levels.noise_dbfs,
        levels.snr_db,
        to_dbfs(float(np.abs(samples).max()) ** 2),
        clipped_share(samples[start:end]),
        (start / rate, end / rate) if levels.word else None,
    )


def faults(samples: FloatArray, levels: SpeechLevels, length: int, lost: int = 0) -> list[str]:
    """Why a take of a word is refused, each with figures and a remedy; empty: it is good.

    ``length``: samples that are kept, with the word in their middle; ``lost``: samples that
    never arrived.
    """
    sample_rate = levels.sample_rate_hz
    found = unusable(samples, sample_rate, lost)
    if found:
        return found
    measures, word = measure(samples, levels), levels.word
    if word is None:
        return [
            f"silent: nothing louder than the noise ({measures.noise_dbfs:.0f} dBFS)"
            " arrived; speak after 'now'"
        ]
    return [
        *_clipped(measures.clipped_share),
        *_level(measures),
        *_place(word, levels, length),
    ]


def background_faults(samples: FloatArray, sample_rate: int, lost: int = 0) -> list[str]:
    """The same of a take without a word, for the label ``_silence_``."""
    return unusable(samples, sample_rate, lost) or _clipped(clipped_share(samples))


def unusable(samples: FloatArray, sample_rate: int, lost: int) -> list[str]:
    """The faults of a take that do not depend on its content."""
    if lost:
        return [
            f"dropped: {lost / sample_rate:.2f} s of it never arrived; this machine is too"
            " busy, or the microphone was lost"
        ]
    if samples.min() == samples.max():
        return ["silent: nothing but one constant value arrived; is the microphone muted or off?"]
    return []


def _clipped(share: float) -> list[str]:
    if share <= MOST_CLIPPED:
        return []
    return [
        f"clipped: {100 * share:.1f} % of the samples are cut off at the top (at most"
        f" {100 * MOST_CLIPPED:g} %); lower the gain or go further away"
    ]


def _level(measures: TakeMeasures) -> list[str]:
    if measures.level_dbfs < LEAST_LEVEL_DBFS:
        return [
            f"too quiet: the word is at {measures.level_dbfs:.0f} dBFS (at least"
            f" {LEAST_LEVEL_DBFS:g}); come closer or raise the gain"
        ]
    if measures.snr_db < LEAST_SNR_DB:
        return [
            f"too noisy: the word is {measures.snr_db:.0f} dB above the noise (at least"
            f" {LEAST_SNR_DB:g}); come closer or find a quieter place"
        ]
    return []


def _place(word: Sound, levels: SpeechLevels, length: int) -> list[str]:
    total, rate = levels.sample_count, levels.sample_rate_hz
    edge = round(EDGE_SECONDS * rate)
    if word.start < edge:
        return ["cut off: the word had begun before the recording; wait for 'now'"]
    if word.end > total - edge:
        return ["cut off: the word went on at the end; speak sooner, or allow more seconds"]
    if word.end - word.start > length:
        return [
            f"too long: the word lasts {(word.end - word.start) / rate:.2f} s (at most"
            f" {length / rate:g}); say it faster, and alone"
        ]
    start = (word.start + word.end - length) // 2
    if any(
        other is not word
        and other.overlaps(start, start + length)
        and other.energy > OTHER_SHARE * word.energy
        for other in levels.sounds
    ):
        return [
            "not alone: there is another sound close to the word; say it once, and nothing else"
        ]
    return []


SAMPLE_RATE = 16000
SAMPLE_SECONDS = 1.0  # what the models listen to at once
MARGIN_SECONDS = 0.5  # kept before and after, for those who speak early or late
METER_SECONDS = 0.1
BACKGROUND = "_silence_"  # the label of takes without a word
OTHER_WORD = "_unknown_"
SPECIAL_LABELS = (BACKGROUND, OTHER_WORD)


@dataclass(frozen=True)
class Timing:
    """``countdown_seconds`` before, ``seconds`` to speak in."""

    countdown_seconds: float = 1.5
    seconds: float = 2.5


@dataclass(frozen=True)
class Take:
    """``raw [n]`` as it was recorded, the ``sample [16000]`` cut from it, its figures (``word``
    counts from the start of the sample), and the ``faults`` for which it is refused."""

    raw: FloatArray
    sample: FloatArray
    measures: TakeMeasures
    faults: tuple[str, ...]


class Meter(Protocol):
    """Displays the progress of a take."""

    def countdown(self, seconds_left: float) -> None: ...

    def now(self) -> None: ...

    def level(self, level_dbfs: float, peak: float, seconds_left: float) -> None: ...


class TakeRecorder:
    """Collects a take from blocks as they come; the clock is the samples.

    The countdown takes blocks too: a microphone takes a while to wake up. Half a second before
    and after the time to speak in is kept.
    """

    def __init__(self, timing: Timing, meter: Meter, sample_rate_hz: int = SAMPLE_RATE) -> None:
        """``sample_rate_hz``: that of the blocks."""
        self._meter, self._rate = meter, sample_rate_hz
        self._margin = round(MARGIN_SECONDS * sample_rate_hz)
        self._start = round(timing.countdown_seconds * sample_rate_hz)
        self._end = self._start + round(timing.seconds * sample_rate_hz)
        self._kept: list[FloatArray] = []
        self._shown: list[FloatArray] = []  # since the meter was last drawn
        self._position = self._lost = 0

    def push(self, block: Block) -> bool:
        """Whether the take is complete."""
        samples = block.samples
        if self._position <= self._start < self._position + len(samples):
            self._meter.now()
        self._position += len(samples)
        if self._position > self._start - self._margin:
            # what went missing before is not part of it
            self._lost += block.lost if self._kept else 0
            self._kept.append(samples)
        self._shown.append(samples)
        if sum(map(len, self._shown)) >= METER_SECONDS * self._rate:
            self._show(np.concatenate(self._shown))
            self._shown.clear()
        return self._position >= self._end + self._margin

    def raw(self) -> tuple[FloatArray, int]:
        """The take ``[n]`` at 16 kHz and how many of its samples were lost."""
        samples = np.concatenate(self._kept)
        if self._rate == SAMPLE_RATE:
            return samples, self._lost
        lost = math.ceil(self._lost * SAMPLE_RATE / self._rate)
        return resample(samples, self._rate, SAMPLE_RATE), lost

    def _show(self, samples: FloatArray) -> None:
        to_start, to_end = self._start - self._position, self._end - self._position
        if to_start > 0:
            self._meter.countdown(to_start / self._rate)
        elif to_end > 0:
            peak = float(np.abs(samples).max())
            self._meter.level(level_dbfs(samples), peak, to_end / self._rate)


def record(source: AudioSource, timing: Timing, meter: Meter) -> tuple[FloatArray, int]:
    """A raw take ``[n]`` of a source at 16 kHz and how many of its samples were lost.

    Raises `AudioDeviceError` where the source ends before the take does.
    """
    recorder = TakeRecorder(timing, meter)
    for block in source.blocks():
        if recorder.push(block):
            return recorder.raw()
    raise AudioDeviceError("the audio ended in the middle of a take")


def judge(raw: FloatArray, label: str, lost: int = 0) -> Take:
    """Cut the second with the word out of ``raw [n]``, n at least 16000, and judge it."""
    length = round(SAMPLE_SECONDS * SAMPLE_RATE)
    levels = measure_speech(raw, SAMPLE_RATE)
    middle = (len(raw) - length) // 2
    if label == BACKGROUND:
        levels = _without_word(levels)
        found = background_faults(raw, SAMPLE_RATE, lost)
    else:
        found = faults(raw, levels, length, lost)
    measures = measure(raw, levels)
    if levels.word is None:
        return Take(raw, raw[middle : middle + length], measures, tuple(found))
    sample, start = centred(raw, levels.word, length)
    word = ((levels.word.start - start) / SAMPLE_RATE, (levels.word.end - start) / SAMPLE_RATE)
    return Take(raw, sample, replace(measures, word=word), tuple(found))


def _without_word(levels: SpeechLevels) -> SpeechLevels:
    """The same with all of it as background, whatever is in it."""
    return replace(levels, sounds=(), active=np.ones(len(levels.frame_dbfs), bool))


def centred(samples: FloatArray, word: Sound, length: int) -> tuple[FloatArray, int]:
    """``length`` samples with the middle of ``word`` in their middle, and where they start.

    Where the take does not reach so far (the start is then negative), its own quietest
    stretch fills up: zeros would show a network which clips these are.
    """
    start = (word.start + word.end - length) // 2
    before, after = max(0, -start), max(0, start + length - len(samples))
    inside = samples[max(0, start) : start + length]
    parts = [quietest(samples, before), inside, quietest(samples, after)]
    return np.concatenate(parts), start


def quietest(samples: FloatArray, length: int) -> FloatArray:
    """The ``length`` samples in a row with the least energy; repeated where n is less."""
    if length >= len(samples):
        return np.resize(samples, length)
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmin(energy[length:] - energy[: len(energy) - length]))
    return samples[start : start + length]
