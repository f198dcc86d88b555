"""The log-Mel spectrogram: log(mel bands of the magnitude + ``log_offset``)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.features.dsp import mel_matrix
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
        weights = mel_weights(config)
        # only the FFT bins that fall into any band are computed with
        used = np.flatnonzero(weights.any(axis=1))
        self._bins = slice(int(used[0]), int(used[-1]) + 1)
        self._weights = np.ascontiguousarray(weights[self._bins])  # [bins, num_mel_bins]

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
