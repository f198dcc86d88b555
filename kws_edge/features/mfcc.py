"""MFCC as ``tf.signal.mfccs_from_log_mel_spectrograms`` computes them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.features.log_mel import MEL_SETTINGS, LogMel, edge_faults, empty_band_faults
from kws_edge.types import FloatArray


def dct_matrix(num_mel_bins: int, num_coefficients: int) -> FloatArray:
    """DCT-II scaled by 1 / sqrt(2 N), ``[num_mel_bins, num_coefficients]``."""
    n = np.arange(num_mel_bins)[:, None]
    k = np.arange(num_coefficients)[None, :]
    cosines = np.cos(np.pi * k * (2 * n + 1) / (2 * num_mel_bins))
    return (2.0 / math.sqrt(2.0 * num_mel_bins) * cosines).astype(np.float32)


class Mfcc(FrameTransform):
    """The first ``num_coefficients`` cepstral coefficients of the log-Mel spectrogram."""

    name = "mfcc"
    settings = (*MEL_SETTINGS, "num_coefficients")

    def __init__(self, config: FeatureConfig) -> None:
        self._log_mel = LogMel(config)
        self._dct = dct_matrix(config.num_mel_bins, config.num_coefficients)

    @staticmethod
    def faults(config: FeatureConfig) -> Sequence[str]:
        faults = edge_faults(config) + coefficient_faults(config)
        return faults or empty_band_faults(config)

    @staticmethod
    def width(config: FeatureConfig) -> int:
        return config.num_coefficients

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        return self._log_mel.compute(frames) @ self._dct  # [n, num_coefficients]


def coefficient_faults(config: FeatureConfig) -> list[str]:
    """More coefficients than there are mel bands to make them of."""
    if config.num_coefficients <= config.num_mel_bins:
        return []
    return [
        f"num_coefficients: {config.num_coefficients} is more than num_mel_bins"
        f" ({config.num_mel_bins})"
    ]
