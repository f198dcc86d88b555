"""What makes a take fit for training: each rule, its limit and the reason for it.

The limits of level and noise let pass all but the worst 2 or 3 % of Mini Speech Commands,
which strangers recorded with whatever they had: median level of a word -21 dBFS, 2nd
percentile -46; median signal to noise 39 dB, 3rd percentile 15.
"""

from dataclasses import dataclass

import numpy as np

from kws_edge.audio.speech_level import (
    Sound,
    SpeechLevels,
    clipped_share,
    to_dbfs,
)
from kws_edge.types import FloatArray

# below: the features sink into the microphone's own noise, and the int16 steps into the word
LEAST_LEVEL_DBFS = -45.0
# below: a network learns the noise of your room along with the word
LEAST_SNR_DB = 15.0
# above: the tops are cut off, which sounds at all frequencies; a lone sample does no harm
MOST_CLIPPED = 0.001
EDGE_SECONDS = 0.03  # a word so close to an end of the take may go on beyond it
OTHER_SHARE = 0.1  # of the word's energy: another sound that is heard in the sample


@dataclass(frozen=True)
class Measures:
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


def measure(samples: FloatArray, levels: SpeechLevels) -> Measures:
    """The figures of ``samples [n]``, float32 in [-1, 1), n > 0, with their ``levels``."""
    start, end = levels.bounds
    rate = levels.sample_rate_hz
    return Measures(
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
            f"silent: nothing louder than the noise ({measures.noise_dbfs:.0f} dBFS) was"
            " heard; speak after 'now'"
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
    """What makes a take worthless whatever is in it."""
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


def _level(measures: Measures) -> list[str]:
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
        return ["cut off: the word went on at the end; speak sooner, or use --seconds"]
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
