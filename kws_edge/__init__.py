"""Keyword spotting on a live microphone.

for detection in kws_edge.listen():      # the microphone; or listen("recording.wav")
    print(detection.time_s, detection.label, detection.score)

Every error that a user can mend is a `KwsEdgeError`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws_edge.detection.detector import Detection, DetectorConfig
    from kws_edge.detection.sequences import AnyOf, SequenceConfig
    from kws_edge.engine import listen
    from kws_edge.errors import KwsEdgeError
    from kws_edge.features.front_end import FeatureConfig, FeatureStream, FrontEnd
    from kws_edge.model.classifier import Classifier
    from kws_edge.sources.base import AudioFile
    from kws_edge.sources.microphone import Microphone
    from kws_edge.spotter import KeywordSpotter, load_model
    from kws_edge.verifier import Verification

__version__ = "0.2.0"

__all__ = [
    "AnyOf",
    "AudioFile",
    "Classifier",
    "Detection",
    "DetectorConfig",
    "FeatureConfig",
    "FeatureStream",
    "FrontEnd",
    "KeywordSpotter",
    "KwsEdgeError",
    "Microphone",
    "SequenceConfig",
    "Verification",
    "__version__",
    "listen",
    "load_model",
]

# Imported when used: the commands take their signals before NumPy is loaded.
_MODULES = {
    "detection.detector": ("Detection", "DetectorConfig"),
    "detection.sequences": ("AnyOf", "SequenceConfig"),
    "engine": ("listen",),
    "errors": ("KwsEdgeError",),
    "features.front_end": ("FeatureConfig", "FeatureStream", "FrontEnd"),
    "model.classifier": ("Classifier",),
    "sources.base": ("AudioFile",),
    "sources.microphone": ("Microphone",),
    "spotter": ("KeywordSpotter", "load_model"),
    "verifier": ("Verification",),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
