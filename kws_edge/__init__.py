"""Keyword spotting on a live microphone.

spotter = kws_edge.KeywordSpotter.load()
for block in blocks:                     # float32 in [-1, 1), 16 kHz mono, any length
    for detection in spotter.push(block):
        print(detection.time_s, detection.label, detection.score)
"""

from kws_edge.detection.detector import Detection, DetectorConfig
from kws_edge.errors import KwsEdgeError
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from kws_edge.features.stream import FeatureStream
from kws_edge.model.classifier import Classifier
from kws_edge.spotter import KeywordSpotter

__version__ = "0.2.0"

__all__ = [
    "Classifier",
    "Detection",
    "DetectorConfig",
    "FeatureConfig",
    "FeatureStream",
    "FrontEnd",
    "KeywordSpotter",
    "KwsEdgeError",
    "__version__",
]
