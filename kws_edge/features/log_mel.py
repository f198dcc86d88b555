"""The log-Mel spectrogram: log(mel bands of the magnitude + ``log_offset``)."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.features.spectrogram import Magnitude
from kws_edge.types import FloatArray

MEL_SETTINGS = ("num_mel_bins", "lower_edge_hertz", "upper_edge_hertz", "log_offset")


class LogMel(FrameTransform):
    """Natural log of ``num_mel_bins`` mel magnitudes plus ``log_offset``."""

    name = "log_mel"
    settings = MEL_SETTINGS

    def __init__(self, config: FeatureConfig) -> None:
        self._magnitude = Magnitude(config)
        self._offset = np.float32(config.log_offset)
        self._bins, self._weights = used_bins(mel_weights(config))

    @staticmethod
    def faults(config: FeatureConfig) -> Sequence[str]:
        return edge_faults(config) or empty_band_faults(config)

    @staticmethod
    def width(config: FeatureConfig) -> int:
        return config.num_mel_bins

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        mel: FloatArray = self._magnitude(frames, self._bins) @ self._weights  # [n, num_mel_bins]
        mel += self._offset
        return np.log(mel, out=mel)


def mel_weights(config: FeatureConfig) -> FloatArray:
    """The mel filters of ``config``: ``[fft_samples // 2 + 1, num_mel_bins]``, read-only."""
    return mel_matrix(
        config.fft_samples // 2 + 1,
        config.sample_rate,
        config.num_mel_bins,
        config.lower_edge_hertz,
        config.upper_edge_hertz,
    )


def used_bins(weights: FloatArray) -> tuple[slice, FloatArray]:
    """The FFT bins that fall into any band, with which alone one computes, and their part of
    ``weights [all bins, bands]``."""
    used = np.flatnonzero(weights.any(axis=1))
    bins = slice(int(used[0]), int(used[-1]) + 1)
    return bins, np.ascontiguousarray(weights[bins])


def edge_faults(config: FeatureConfig) -> list[str]:
    """Edges of the mel bands that do not rise, or lie above Nyquist."""
    nyquist = config.sample_rate / 2
    if 0 <= config.lower_edge_hertz < config.upper_edge_hertz <= nyquist:
        return []
    return [
        f"upper_edge_hertz: {config.lower_edge_hertz} to {config.upper_edge_hertz}"
        f" is not a rising range within 0 to {nyquist:g} (Nyquist)"
    ]


def empty_band_faults(config: FeatureConfig) -> list[str]:
    """Mel bands into which no FFT bin falls; the edges are checked already."""
    empty = np.flatnonzero(mel_weights(config).sum(axis=0) == 0)
    if not empty.size:
        return []
    listed = ", ".join(str(band) for band in empty[:5])
    more = ", ..." if empty.size > 5 else ""
    return [
        f"num_mel_bins: no FFT bin falls into mel band {listed}{more}: use "
        "fewer bands, a wider range or a larger fft_length"
    ]


@functools.lru_cache(maxsize=32)
def mel_matrix(
    num_spectrogram_bins: int,
    sample_rate: int,
    num_mel_bins: int,
    lower_edge_hertz: float,
    upper_edge_hertz: float,
) -> FloatArray:
    """Triangular mel filters, ``[num_spectrogram_bins, num_mel_bins]``, read-only.

    The row of 0 Hz is zero, as in `tf.signal.linear_to_mel_weight_matrix`.
    """
    hertz = np.linspace(0.0, sample_rate / 2, num_spectrogram_bins)[1:, None]  # [bins - 1, 1]
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
    weights = triangles(_mel(hertz), edges)  # [bins - 1, num_mel_bins]
    matrix = np.pad(weights, ((1, 0), (0, 0))).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def triangles(
    points: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """``[n, bands]``: filters of height 1 at ``points [n, 1]``, each from one of the
    ``edges [bands + 2]`` to the next but one."""
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (points - lower) / (centre - lower)
    falling = (upper - points) / (upper - centre)
    return np.maximum(0.0, np.minimum(rising, falling))


def _mel(hertz: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)
