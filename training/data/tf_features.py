"""The runtime's features in TensorFlow, for the tf.data pipeline; the same `FeatureConfig`.

A front end without a TensorFlow form here runs its NumPy code inside the pipeline, so that a
new one can be trained on at once. A TensorFlow form only makes it faster.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kws_edge.features.config import FeatureConfig
from kws_edge.features.front_end import FrontEnd
from kws_edge.types import FloatArray


def extract(signal: Any, config: FeatureConfig) -> Any:
    """Features of ``signal [..., samples]`` (float32 in [-1, 1)): ``[..., frames, width]``."""
    return TENSORFLOW_FORMS.get(config.kind, _by_numpy)(signal, config)


def _spectrogram(signal: Any, config: FeatureConfig) -> Any:
    framing = config.frame_length, config.frame_step, config.fft_samples
    return tf.abs(tf.signal.stft(signal, *framing))  # [..., frames, fft_samples // 2 + 1]


def _log_mel(signal: Any, config: FeatureConfig) -> Any:
    weights = tf.signal.linear_to_mel_weight_matrix(
        num_mel_bins=config.num_mel_bins,
        num_spectrogram_bins=config.fft_samples // 2 + 1,
        sample_rate=config.sample_rate,
        lower_edge_hertz=config.lower_edge_hertz,
        upper_edge_hertz=config.upper_edge_hertz,
    )
    mel = tf.matmul(_spectrogram(signal, config), weights)  # [..., frames, num_mel_bins]
    return tf.math.log(mel + config.log_offset)


def _mfcc(signal: Any, config: FeatureConfig) -> Any:
    cepstrum = tf.signal.mfccs_from_log_mel_spectrograms(_log_mel(signal, config))
    return cepstrum[..., : config.num_coefficients]


TENSORFLOW_FORMS: dict[str, Callable[[Any, FeatureConfig], Any]] = {
    "spectrogram": _spectrogram,
    "log_mel": _log_mel,
    "mfcc": _mfcc,
}


def _by_numpy(signal: Any, config: FeatureConfig) -> Any:
    """The runtime's own code, called from the graph."""
    front_end, width = FrontEnd(config), config.shape[1]

    def features(signals: FloatArray) -> FloatArray:
        rows = [front_end(one) for one in signals.reshape(-1, signals.shape[-1])]
        return np.stack(rows).reshape(*signals.shape[:-1], -1, width)

    result = tf.numpy_function(features, [signal], tf.float32)
    return tf.ensure_shape(result, (*signal.shape[:-1], None, width))
