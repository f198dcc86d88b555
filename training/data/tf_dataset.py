"""Clips to batches of features, with tf.data."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kws_edge.features.front_end import FeatureConfig
from training.data.clips import Clip
from training.data.tf_features import extract
from training.train.batches import untuned


def load_clip(path: Any, config: FeatureConfig) -> Any:
    """A 16-bit WAV file as float32 ``[window_samples]``: zero-padded or cropped at its end."""
    contents = tf.io.read_file(path)
    audio, rate = tf.audio.decode_wav(contents, desired_channels=1)
    tf.debugging.assert_equal(rate, config.sample_rate, message="a clip has another sample rate")
    audio = audio[: config.window_samples, 0]
    audio = tf.pad(audio, [[0, config.window_samples - tf.shape(audio)[0]]])
    return tf.ensure_shape(audio, (config.window_samples,))


def make_dataset(
    clips: Sequence[Clip],
    labels: Sequence[str],
    config: FeatureConfig,
    *,
    batch_size: int,
    shuffle_seed: int | None = None,
) -> Any:
    """Batches of (features ``[n, frames, width, 1]`` float32, label index ``[n]`` int64).

    Features are computed once, in parallel, and cached in memory; with a ``shuffle_seed``
    each epoch has an order of its own, the same in every run.
    """
    index = {label: number for number, label in enumerate(labels)}
    paths = [str(clip.path) for clip in clips]
    targets = tf.constant([index[clip.label] for clip in clips], tf.int64)

    def features_of(path: Any, target: Any) -> tuple[Any, Any]:
        features = extract(load_clip(path, config), config)
        return tf.ensure_shape(features, config.shape)[..., tf.newaxis], target

    dataset = tf.data.Dataset.from_tensor_slices((paths, targets))
    dataset = dataset.map(features_of, num_parallel_calls=tf.data.AUTOTUNE).cache()
    if shuffle_seed is not None:
        dataset = dataset.shuffle(len(paths), seed=shuffle_seed)
    return untuned(dataset.batch(batch_size).prefetch(2))
