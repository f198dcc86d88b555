"""Level of samples in dB relative to full scale, clipping, and the filter against rumble."""

import math

import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray

LOWEST_DBFS = -101.1  # the noise of rounding to int16: 1 / (32768 sqrt 12)
RUMBLE_HERTZ = (50.0, 110.0)  # offset, hum and handling lie below; no word needs it
FULL_SCALE = 32766 / 32768  # some converters stop one step early
FLAT_SAMPLES, FLAT_PEAK = 4, 0.1  # equal samples in a row at a loud peak: no voice has them


def level_dbfs(samples: FloatArray) -> float:
    """RMS level in dB relative to full scale; -inf for digital silence or no samples."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return 10 * math.log10(power) if power > 0 else -math.inf


def clipped_share(samples: FloatArray) -> float:
    """Share of ``samples [n]``, n > 0, that are at full scale, or on flat tops below it.

    Flat tops below full scale: clipped in the microphone, then turned down by the mixer.
    """
    peak = np.abs(samples).max()
    cut = np.abs(samples) >= FULL_SCALE
    if peak >= FLAT_PEAK:
        for extreme in (samples.max(), samples.min()):
            for first, last in runs(samples == extreme):
                cut[first:last] |= last - first >= FLAT_SAMPLES
    return float(cut.mean())


def without_rumble(samples: FloatArray, sample_rate: int) -> npt.NDArray[np.float64]:
    """``samples [n]`` without offset and hum: a high-pass in the frequency domain."""
    low, high = RUMBLE_HERTZ
    hertz = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    ramp = np.clip((hertz - low) / (high - low), 0, 1)
    gain = 0.5 - 0.5 * np.cos(math.pi * ramp)  # smooth, so that an onset does not ring
    return np.fft.irfft(np.fft.rfft(np.asarray(samples, np.float64)) * gain, len(samples))


def to_dbfs(power: float) -> float:
    """Mean square to dB relative to full scale, at least `LOWEST_DBFS`."""
    return max(LOWEST_DBFS, 10 * math.log10(power)) if power > 0 else LOWEST_DBFS


def runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past the last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
