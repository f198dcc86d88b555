"""The runtime's features in TensorFlow, for the tf.data pipeline; the same `FeatureConfig`."""

from typing import Any

import tensorflow as tf

from kws_edge.features.front_end import FeatureConfig, FrontEnd


def extract(signal: Any, config: FeatureConfig) -> Any:
    """Features of ``signal [samples]`` (float32 in [-1, 1)): float32 ``[frames, width]``."""
    if config.kind == "psf_mfcc":
        return _psf_mfcc(signal, config)
    spectrogram = tf.abs(
        tf.signal.stft(
            signal,
            frame_length=config.frame_length,
            frame_step=config.frame_step,
            fft_length=config.fft_samples,
        )
    )  # [frames, fft_samples // 2 + 1]
    if config.kind == "spectrogram":
        return spectrogram
    weights = tf.signal.linear_to_mel_weight_matrix(
        num_mel_bins=config.num_mel_bins,
        num_spectrogram_bins=config.fft_samples // 2 + 1,
        sample_rate=config.sample_rate,
        lower_edge_hertz=config.lower_edge_hertz,
        upper_edge_hertz=config.upper_edge_hertz,
    )
    log_mel = tf.math.log(tf.matmul(spectrogram, weights) + config.log_offset)
    if config.kind == "log_mel":
        return log_mel  # [frames, num_mel_bins]
    return tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., : config.num_coefficients]


def _psf_mfcc(signal: Any, config: FeatureConfig) -> Any:
    # python_speech_features has no TensorFlow form: the runtime's own code does the work
    features = tf.numpy_function(FrontEnd(config), [signal], tf.float32)
    return tf.ensure_shape(features, (None, config.num_coefficients))
