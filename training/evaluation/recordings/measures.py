"""What is measured of a clip, apart from what a model makes of it."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from kws_edge.audio.files import one_window
from kws_edge.features.dsp import hann_window
from kws_edge.types import FloatArray
from training.evaluation.recordings.decay import decay_ms
from training.evaluation.recordings.levels import (
    RATE,
    STEP_MS,
    Activity,
    cut_frames,
    find_activity,
    to_db,
)

FULL_SCALE = 0.99
HIGH_BAND_HERTZ = 4000
OFFSET_BLOCKS = 10
FEWEST_NOISE_FRAMES = 20
LEAST_SNR_DB = -10.0  # what is left of the speech cannot be told from the noise


@dataclass(frozen=True)
class Measures:
    """Measures of one clip; of a clip longer than the window, of its loudest window.

    - ``duration_s``: of the whole clip.
    - ``level_dbfs``: of the frames with speech; a square wave at full scale has 0.
    - ``noise_dbfs``: the 10th percentile of the frames' levels; None, as is ``snr_db``,
      where less than 200 ms are outside the word.
    - ``snr_db``: speech less noise, over noise (as NIST's STNR, from the spread of levels).
    - ``clipped_share``: samples at 0.99 of full scale or beyond, before any resampling.
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
) -> Measures:
    """Measures of ``samples [n]`` (float32, mono, at `RATE`, n > 0).

    ``recorded`` are the same samples as they were recorded, at whatever rate; ``window_s`` is
    how much the model sees, a shorter clip being padded at its end.
    """
    recorded = samples if recorded is None else recorded
    window = round(window_s * RATE)
    heard = one_window(samples, window) if len(samples) > window else samples
    activity = find_activity(heard)
    speech = 10 ** (activity.levels[activity.active] / 10)  # [active frames], power
    return Measures(
        duration_s=len(samples) / RATE,
        level_dbfs=float(to_db(speech.mean())),
        noise_dbfs=activity.noise if _has_noise(activity) else None,
        snr_db=_snr_db(float(speech.mean()), activity),
        clipped_share=float(np.mean(np.abs(recorded) >= FULL_SCALE)),
        position=_centre_s(activity) / window_s,
        edge_db=float(max(activity.levels[0], activity.levels[-1]) - activity.threshold),
        high_band_db=_high_band_db(heard, activity),
        dc_offset=_dc_offset(recorded),
        decay_ms=decay_ms(activity),
    )


def as_numbers(measures: Measures) -> dict[str, float | None]:
    """The measures by name, rounded to what they mean, ready for JSON."""
    digits = {"clipped_share": 6, "dc_offset": 6, "position": 3, "duration_s": 3}
    values: dict[str, float | None] = dataclasses.asdict(measures)
    return {
        name: None if (value := values[name]) is None else round(value, digits.get(name, 1))
        for name in NAMES
    }


def _has_noise(activity: Activity) -> bool:
    word = activity.last - activity.first + 1
    return len(activity.levels) - word >= FEWEST_NOISE_FRAMES


def _snr_db(speech: float, activity: Activity) -> float | None:
    if not _has_noise(activity):
        return None
    excess = speech / 10 ** (activity.noise / 10) - 1
    return float(10 * np.log10(max(excess, 10 ** (LEAST_SNR_DB / 10))))


def _centre_s(activity: Activity) -> float:
    """Centre of energy of the speech, in s from the start."""
    frames = np.flatnonzero(activity.active)
    energy = 10 ** (activity.levels[frames] / 10)
    centre = float(frames @ energy / energy.sum())
    return (centre + 1) * STEP_MS / 1000  # the middle of a frame is one step from its start


def _dc_offset(recorded: FloatArray) -> float:
    blocks = np.array_split(recorded, OFFSET_BLOCKS) if len(recorded) >= OFFSET_BLOCKS else []
    means = np.array([block.mean(dtype=np.float64) for block in blocks])  # [10]
    if not len(means) or not (np.all(means > 0) or np.all(means < 0)):
        return 0.0
    return float(np.abs(means).min())


def _high_band_db(samples: FloatArray, activity: Activity) -> float:
    """The 95 % roll-off would not do: of "no" it is at 1 kHz, whatever the microphone."""
    frames = cut_frames(samples)[activity.active]  # [active frames, 320]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * hann_window(frames.shape[1])
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0)  # [161], 50 Hz apart
    hertz = np.fft.rfftfreq(frames.shape[1], 1 / RATE)
    high = float(power[hertz > HIGH_BAND_HERTZ].sum())
    return float(to_db(high / max(float(power.sum()), 1e-20)))
