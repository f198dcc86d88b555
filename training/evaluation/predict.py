"""Clips through the runtime's front end, once, and then through any number of models."""

from collections.abc import Sequence

import numpy as np

from kws_edge.audio.files import one_window, read_audio
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.types import FloatArray
from training.data.clips import Clip


def window_features(clip: Clip, front_end: FrontEnd) -> FloatArray:
    """``[frames, width]`` of a clip, cut or zero-padded to one window."""
    config = front_end.config
    return front_end(one_window(read_audio(clip.path, config.sample_rate), config.window_samples))


def features_of(clips: Sequence[Clip], config: FeatureConfig) -> FloatArray:
    """``[clips, frames, width]``."""
    front_end = FrontEnd(config)
    features: FloatArray = np.empty((len(clips), *config.shape), np.float32)
    for row, clip in enumerate(clips):
        features[row] = window_features(clip, front_end)
    return features


def posteriors_of(classifier: Classifier, features: FloatArray) -> FloatArray:
    """``[clips, labels]`` of ``features [clips, frames, width]``, one clip at a time."""
    return np.stack([classifier(window) for window in features])
