"""The constant tables of the front ends: window, mel filters, cosine transform.

Formulas: `tf.signal.stft` (periodic Hann), `tf.signal.linear_to_mel_weight_matrix` (HTK
mel scale, mel(f) = 1127 ln(1 + f / 700)), `tf.signal.mfccs_from_log_mel_spectrograms`
(DCT-II, 2 sum x cos / sqrt(2 N)). Computed in float64, returned as float32.
"""

import functools
import math

import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray


def hann_window(length: int) -> FloatArray:
    """Periodic Hann window, ``[length]``.

    As in TensorFlow, an odd length gives the symmetric window instead.
    """
    period = length if length % 2 == 0 else length - 1
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / period)).astype(np.float32)


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
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]  # [num_mel_bins] each
    rising = (_mel(hertz) - lower) / (centre - lower)
    falling = (upper - _mel(hertz)) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))  # [bins - 1, num_mel_bins]
    matrix = np.pad(weights, ((1, 0), (0, 0))).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def _mel(hertz: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)


def dct_matrix(num_mel_bins: int, num_coefficients: int) -> FloatArray:
    """DCT-II scaled by 1 / sqrt(2 N), ``[num_mel_bins, num_coefficients]``."""
    n = np.arange(num_mel_bins)[:, None]
    k = np.arange(num_coefficients)[None, :]
    cosines = np.cos(np.pi * k * (2 * n + 1) / (2 * num_mel_bins))
    return (2.0 / math.sqrt(2.0 * num_mel_bins) * cosines).astype(np.float32)
