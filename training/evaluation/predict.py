"""Features through a model file, in the runtime."""

import numpy as np

from kws_edge.model.classifier import Classifier
from kws_edge.types import FloatArray


def posteriors_of(classifier: Classifier, features: FloatArray) -> FloatArray:
    """``[clips, labels]`` of ``features [clips, frames, width]``, one clip at a time."""
    return np.stack([classifier(window) for window in features])
