"""The magnitude spectrogram, equal to ``tf.abs(tf.signal.stft(...))``."""

from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.types import FloatArray


def hann_window(length: int) -> FloatArray:
    """Periodic Hann window, ``[length]``.

    As in TensorFlow, an odd length gives the symmetric window instead.
    """
    period = length if length % 2 == 0 else length - 1
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / period)).astype(np.float32)


class Magnitude:
    """|FFT| of frames under a Hann window, zero-padded at their end."""

    def __init__(self, config: FeatureConfig) -> None:
        self._window = hann_window(config.frame_length)
        self._fft_samples = config.fft_samples

    def __call__(self, frames: npt.NDArray[Any], bins: slice = slice(None)) -> FloatArray:
        """``bins`` of ``frames [n, frame_length]``: ``[n, len(bins)]``, >= 0."""
        # [n, fft_samples // 2 + 1]; complex128 in NumPy 1, complex64 in NumPy 2
        spectrum = np.fft.rfft(frames * self._window, n=self._fft_samples)[:, bins]
        spectrum = spectrum.astype(np.complex64, copy=False)  # halves the work that follows
        power = spectrum.real**2
        power += spectrum.imag**2
        return np.sqrt(power, out=power)


class Spectrogram(FrameTransform):
    """Magnitude |STFT|: ``fft_samples // 2 + 1`` features a frame."""

    name = "spectrogram"

    def __init__(self, config: FeatureConfig) -> None:
        self._magnitude = Magnitude(config)

    @staticmethod
    def width(config: FeatureConfig) -> int:
        return config.fft_samples // 2 + 1

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        return self._magnitude(frames)
