"""A front end over whole signals: NumPy, equal to TensorFlow's ``tf.signal``.

A signal is float32 in [-1, 1), mono, at ``config.sample_rate``; only whole frames count,
as with `tf.signal.stft(pad_end=False)`. Features are float32, ``[frames, width]``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from kws_edge.features.config import FeatureConfig
from kws_edge.types import FloatArray

__all__ = ["FeatureConfig", "FloatArray", "FrontEnd", "check_signal", "frames_of"]


class FrontEnd:
    """The front end that ``config.kind`` names, its tables made once."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self._transform = config.front_end(config)
        self.sample_dtype = np.dtype(self._transform.sample_dtype)

    def __call__(self, signal: FloatArray) -> FloatArray:
        """Features of a whole signal ``[samples]``: ``[frames, width]``.

        Raises `ValueError` where the signal is not mono or not of floats.
        """
        check_signal(signal)
        return self.of_frames(frames_of(self.prepare(signal, 0.0), self.config))

    def prepare(self, samples: FloatArray, previous: float) -> npt.NDArray[Any]:
        """``samples [n]`` as they go into frames, ``[n]`` of ``sample_dtype``; ``previous`` is
        the sample before the first, 0 at the start of a signal."""
        return self._transform.prepare(samples, previous)

    def of_frames(self, frames: npt.NDArray[Any]) -> FloatArray:
        """Features of prepared ``frames [n, frame_length]``: ``[n, width]``."""
        return self._transform.compute(frames)


def frames_of(signal: npt.NDArray[Any], config: FeatureConfig) -> npt.NDArray[Any]:
    """The whole frames of ``signal [samples]``, ``[frames, frame_length]``: a view."""
    check_signal(signal)
    length, step = config.frame_length, config.frame_step
    count = max(0, 1 + (len(signal) - length) // step)
    stride = signal.strides[0]
    # not sliding_window_view, whose checks cost 9 us
    return as_strided(signal, (count, length), (step * stride, stride), writeable=False)


def check_signal(signal: npt.NDArray[Any]) -> None:
    """Raises `ValueError` for what is not mono, and for integers, which are not in [-1, 1)."""
    if signal.ndim != 1:
        raise ValueError(f"expected a mono signal of one dimension, found shape {signal.shape}")
    if signal.dtype.kind != "f":
        raise ValueError(f"expected floats in [-1, 1), found {signal.dtype}: see from_pcm16")
