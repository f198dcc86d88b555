"""The measures of a recorded clip, independent of any model."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from kws_edge.audio.files import one_window
from kws_edge.audio.level import clipped_share, to_dbfs
from kws_edge.audio.speech_level import (
    FRAME_SECONDS,
    PEAK_PERCENTILE,
    STEP_SECONDS,
    SpeechLevels,
    cut_frames,
    measure_speech,
)
from kws_edge.features.spectrogram import hann_window
from kws_edge.types import FloatArray
from training.data.augmentation import RATE

HIGH_BAND_HERTZ = 4000
OFFSET_BLOCKS = 10
FEWEST_NOISE_SECONDS = 0.2
FIT_STEPS = 16  # a decay is fitted over 80 ms
HEADROOM_DB = 20.0  # a fit starts so far above the noise, so that the noise does not flatten it
RANGE_DB = 25.0  # peak above noise; with less there is no room for a decay to show
BELOW_PEAK_DB = 25.0  # and no further below the peak
SLOWEST_MS = 5000.0


@dataclass(frozen=True)
class ClipMeasures:
    """ClipMeasures of one clip; of a clip longer than the window, of its loudest window.

    - ``duration_s``: of the whole clip.
    - ``level_dbfs``: of the frames with speech; a square wave at full scale has 0.
    - ``noise_dbfs``: of the quiet frames; None, as is ``snr_db``, where less than 200 ms are
      outside the word.
    - ``snr_db``: speech less noise, over noise.
    - ``clipped_share``: samples at full scale or on a flat top, before any resampling.
    - ``position``: the speech's centre of energy in the model's window, 0 start to 1 end.
    - ``edge_db``: the louder end of the clip over the level from which a frame is speech;
      above 0 the clip starts or ends within a word.
    - ``high_band_db``: power above 4 kHz over all, in the frames with speech.
    - ``dc_offset``: size of the mean sample in the tenth of the clip where it is least, before any
      resampling; 0 where its sign changes, since then it is a rumble and no offset.
    - ``decay_ms``: time for 60 dB at the steepest fall; None where noise hides it.
    """

    duration_s: float
    level_dbfs: float
    noise_dbfs: float | None
    snr_db: float | None
    clipped_share: float
    position: float
    edge_db: float
    high_band_db: float
    dc_offset: float
    decay_ms: float | None


# title and unit, in the order of the verdict
TITLES = {
    "level_dbfs": ("level of the speech", "dBFS"),
    "noise_dbfs": ("noise", "dBFS"),
    "snr_db": ("signal to noise", "dB"),
    "clipped_share": ("clipped samples", "%"),
    "decay_ms": ("decay by 60 dB", "ms"),
    "edge_db": ("edge over speech threshold", "dB"),
    "position": ("centre of the word", "% of the window"),
    "high_band_db": ("power above 4 kHz", "dB"),
    "dc_offset": ("DC offset", "% of full scale"),
    "duration_s": ("duration", "s"),
}


NAMES = tuple(TITLES)


def measure(
    samples: FloatArray, recorded: FloatArray | None = None, window_s: float = 1.0
) -> ClipMeasures:
    """ClipMeasures of ``samples [n]`` (float32, mono, at `RATE`, n > 0).

    ``recorded`` are the same samples as they were recorded, at whatever rate; ``window_s`` is
    how much the model sees, a shorter clip being padded at its end.
    """
    recorded = samples if recorded is None else recorded
    window = round(window_s * RATE)
    window_samples = one_window(samples, window) if len(samples) > window else samples
    levels = measure_speech(window_samples, RATE)
    has_noise = _noise_seconds(levels, window) >= FEWEST_NOISE_SECONDS
    return ClipMeasures(
        duration_s=len(samples) / RATE,
        level_dbfs=levels.level_dbfs,
        noise_dbfs=levels.noise_dbfs if has_noise else None,
        snr_db=levels.snr_db if has_noise else None,
        clipped_share=clipped_share(recorded),
        position=_centre_s(levels) / window_s,
        edge_db=float(max(levels.frame_dbfs[0], levels.frame_dbfs[-1]) - levels.threshold_dbfs),
        high_band_db=_high_band_db(window_samples, levels),
        dc_offset=_dc_offset(recorded),
        decay_ms=decay_ms(levels),
    )


def as_numbers(measures: ClipMeasures) -> dict[str, float | None]:
    """The measures by name, rounded to what they mean, ready for JSON."""
    digits = {"clipped_share": 6, "dc_offset": 6, "position": 3, "duration_s": 3}
    values: dict[str, float | None] = dataclasses.asdict(measures)
    return {
        name: None if (value := values[name]) is None else round(value, digits.get(name, 1))
        for name in NAMES
    }


def _noise_seconds(levels: SpeechLevels, window: int) -> float:
    """How long the clip is without its word.

    Where no word stands out, noise covers it, unless the clip is cut to its word: such a clip
    is shorter than the ``window``.
    """
    if levels.word is None:
        return levels.sample_count / RATE if levels.sample_count >= window else 0.0
    start, end = levels.bounds
    return (levels.sample_count - (end - start)) / RATE


def _centre_s(levels: SpeechLevels) -> float:
    """Centre of energy of the speech, in s from the start."""
    frames = np.flatnonzero(levels.active)
    energy = 10 ** (levels.frame_dbfs[frames] / 10)
    return float(frames @ energy / energy.sum()) * STEP_SECONDS + FRAME_SECONDS / 2


def _dc_offset(recorded: FloatArray) -> float:
    blocks = np.array_split(recorded, OFFSET_BLOCKS) if len(recorded) >= OFFSET_BLOCKS else []
    means = np.array([block.mean(dtype=np.float64) for block in blocks])  # [10]
    if not len(means) or not (np.all(means > 0) or np.all(means < 0)):
        return 0.0
    return float(np.abs(means).min())


def _high_band_db(samples: FloatArray, levels: SpeechLevels) -> float:
    """The 95 % roll-off would not do: of "no" it is at 1 kHz, whatever the microphone."""
    frames = cut_frames(samples, RATE)[levels.active]  # [active frames, 256]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * hann_window(frames.shape[1])
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0)  # [129], 62.5 Hz apart
    hertz = np.fft.rfftfreq(frames.shape[1], 1 / RATE)
    high = float(power[hertz > HIGH_BAND_HERTZ].sum())
    return to_dbfs(high / max(float(power.sum()), 1e-20))


def decay_ms(measured: SpeechLevels) -> float | None:
    """Time in ms for 60 dB at the steepest fall of the level in the clip, at most 5 s.

    Speech stops faster than a room does, so the steepest fall is the room's decay, or the
    speaker's where the room adds no reverberation (Wen, Habets and Naylor, "Blind estimation of
    reverberation time based on the distribution of signal decay rates", ICASSP 2008). None
    where the noise leaves less than 25 dB, or the clip is shorter than a fit.

    The level of a room's tail wavers, and its steepest stretch reads low: about 0.5 s where the
    reverberation time is 0.8 s. Compare it with other clips, not with a room's figure.
    """
    levels, noise = measured.frame_dbfs, measured.noise_dbfs
    peak = float(np.percentile(levels, PEAK_PERCENTILE))
    if len(levels) <= FIT_STEPS or peak - noise < RANGE_DB:
        return None
    stretches = np.lib.stride_tricks.sliding_window_view(levels, FIT_STEPS + 1)
    lowest = max(noise + HEADROOM_DB, peak - BELOW_PEAK_DB)
    stretches = stretches[stretches[:, 0] >= lowest]  # [fits, 17]
    if not len(stretches):
        return None
    time = (np.arange(FIT_STEPS + 1) - FIT_STEPS / 2) * STEP_SECONDS * 1000  # ms, mean 0
    slopes = stretches @ time / (time @ time)  # least squares, dB a ms
    steepest = float(slopes.min())
    return min(SLOWEST_MS, -60.0 / steepest) if steepest < 0 else SLOWEST_MS
