"""The only reader of training clips: from a file to the samples and features of one window.

It reads what the runtime reads: every format of `kws_edge.audio.files`, at any rate and with
any number of channels. A clip longer than the window gives its loudest stretch, a shorter one
is padded with zeros at its end. Every Keras backend and tf.data train on these samples.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kws_edge.audio.files import one_window, read_audio
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.types import FloatArray
from training.data.clips import Clip


def load_window(path: Path, config: FeatureConfig) -> FloatArray:
    """The samples of a clip's window, float32 ``[window_samples]`` in [-1, 1).

    Raises `DataError` or `MissingFileError` that name ``path``.
    """
    return one_window(read_audio(path, config.sample_rate), config.window_samples)


def window_features(clip: Clip, front_end: FrontEnd) -> FloatArray:
    """``[frames, width]`` of a clip's window."""
    return front_end(load_window(clip.path, front_end.config))


def features_of(clips: Sequence[Clip], config: FeatureConfig) -> FloatArray:
    """``[clips, frames, width]``."""
    front_end = FrontEnd(config)
    features: FloatArray = np.empty((len(clips), *config.shape), np.float32)
    for row, clip in enumerate(clips):
        features[row] = window_features(clip, front_end)
    return features
