"""One take: recorded from a source, cut to the sample that is kept, and judged."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from kws_edge.audio.files import level_dbfs
from kws_edge.audio.speech_level import Sound, SpeechLevels, measure_speech
from kws_edge.errors import AudioDeviceError
from kws_edge.recorder.quality import Measures, background_faults, faults, measure
from kws_edge.sources.base import AudioSource
from kws_edge.types import FloatArray

SAMPLE_RATE = 16000
SAMPLE_SECONDS = 1.0  # what the models listen to at once
MARGIN_SECONDS = 0.5  # kept before and after, for those who speak early or late
METER_SECONDS = 0.1
BACKGROUND = "_silence_"  # the label of takes without a word


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
    measures: Measures
    faults: tuple[str, ...]


class Meter(Protocol):
    """Who shows that it goes on."""

    def countdown(self, seconds_left: float) -> None: ...

    def now(self) -> None: ...

    def level(self, level_dbfs: float, peak: float, seconds_left: float) -> None: ...


def record(source: AudioSource, timing: Timing, meter: Meter) -> tuple[FloatArray, int]:
    """A raw take ``[n]`` and how many of its samples were lost; the clock is the samples.

    The source runs through the countdown too: a microphone takes a while to wake up. Raises
    `AudioDeviceError` where the source ends before the take does.
    """
    margin = round(MARGIN_SECONDS * SAMPLE_RATE)
    start = round(timing.countdown_seconds * SAMPLE_RATE)
    end = start + round(timing.seconds * SAMPLE_RATE)
    kept: list[FloatArray] = []
    shown: list[FloatArray] = []  # since the meter was last drawn
    position = lost = 0
    for block in source.blocks():
        if position <= start < position + len(block.samples):
            meter.now()
        position += len(block.samples)
        if position > start - margin:
            lost += block.lost if kept else 0  # what went missing before is not part of it
            kept.append(block.samples)
        shown.append(block.samples)
        if sum(map(len, shown)) >= METER_SECONDS * SAMPLE_RATE:
            _show(meter, np.concatenate(shown), start - position, end - position)
            shown.clear()
        if position >= end + margin:
            return np.concatenate(kept), lost
    raise AudioDeviceError("the audio ended in the middle of a take")


def _show(meter: Meter, samples: FloatArray, to_start: int, to_end: int) -> None:
    if to_start > 0:
        meter.countdown(to_start / SAMPLE_RATE)
    elif to_end > 0:
        meter.level(level_dbfs(samples), float(np.abs(samples).max()), to_end / SAMPLE_RATE)


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
