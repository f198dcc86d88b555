"""Clips to batches of features, with tf.data: read in parallel, cached in memory, prefetched.

The features are the runtime's, from the same `FeatureConfig`. A front end without a TensorFlow
form here runs its NumPy code inside the pipeline, so that a new one can be trained on at once. A
TensorFlow form only makes it faster.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kws_edge.errors import KwsEdgeError
from kws_edge.features.config import FeatureConfig
from kws_edge.features.front_end import FrontEnd
from kws_edge.types import FloatArray
from training.data.clips import Clip
from training.data.loading import Examples, load_window, targets_of


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


class TfClips:
    """The features of clips in TensorFlow, computed once.

    Raises `DataError` or `MissingFileError` for a clip that cannot be read, when it is made.
    """

    def __init__(self, clips: Sequence[Clip], labels: Sequence[str], config: FeatureConfig) -> None:
        self.count, self._labels = len(clips), len(labels)
        paths = [os.fsencode(clip.path) for clip in clips]
        faults: list[KwsEdgeError] = []
        features_of = _features_of(config, faults)
        pairs = tf.data.Dataset.from_tensor_slices((paths, targets_of(clips, labels)))
        self._cached = pairs.map(
            lambda path, target: (features_of(path), target), num_parallel_calls=tf.data.AUTOTUNE
        ).cache()
        try:
            for _ in self._cached:  # fills the cache, and finds unreadable clips before training
                pass
        except tf.errors.OpError as error:
            if not faults:
                raise
            raise faults[0] from error

    def training_batches(self, batch_size: int, smoothing: float, seed: int) -> Any:
        """Features ``[n, frames, width, 1]`` and targets ``[n, labels]`` of one epoch; each
        iteration has its own order, the same in every run with this ``seed``."""
        shuffled = self._cached.shuffle(self.count, seed=seed).batch(batch_size)
        kept, spread = 1 - smoothing, smoothing / self._labels

        def smooth(features: Any, targets: Any) -> tuple[Any, Any]:
            return features[..., tf.newaxis], tf.one_hot(targets, self._labels) * kept + spread

        return untuned(shuffled.map(smooth).prefetch(2))

    def batches(self, batch_size: int) -> Any:
        """Features ``[n, frames, width, 1]`` and label indices ``[n]``, in the clips' order."""
        batched = self._cached.batch(batch_size)
        return untuned(batched.map(lambda x, y: (x[..., tf.newaxis], y)).prefetch(2))

    def examples(self) -> Examples:
        """All of them as arrays."""
        features, targets = zip(*self._cached.as_numpy_iterator(), strict=True)
        return Examples(np.stack(features), np.array(targets, np.int64))


def _features_of(config: FeatureConfig, faults: list[KwsEdgeError]) -> Callable[[Any], Any]:
    """Path to features ``[frames, width]``, in a graph; why a clip failed goes to ``faults``."""

    def read(path: bytes) -> FloatArray:
        try:
            return load_window(Path(os.fsdecode(path)), config)
        except KwsEdgeError as error:  # TensorFlow reports it without its type
            faults.append(error)
            raise

    def features_of(path: Any) -> Any:
        window = tf.numpy_function(read, [path], tf.float32)
        window = tf.ensure_shape(window, (config.window_samples,))
        return tf.ensure_shape(extract(window, config), config.shape)

    return features_of


def untuned(dataset: Any) -> Any:
    """A ``tf.data.Dataset`` that does not tune itself.

    tf.data tunes itself in a thread whose naps double up to 60 s, and TensorFlow 2.21 lets the
    end of an iteration wait until it wakes: short trainings took up to twice, long ones a minute
    longer. Prefetching is set by hand instead.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
