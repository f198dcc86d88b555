"""What the runtime spots in a stream: the code that listens, on a file."""

from dataclasses import dataclass

from kws_edge.detection.detector import Detection, DetectorConfig
from kws_edge.engine import spot
from kws_edge.model.classifier import Classifier
from kws_edge.sources.base import AudioFile
from kws_edge.spotter import KeywordSpotter
from training.evaluation.streams.files import StreamFile


@dataclass(frozen=True)
class Heard:
    """A stream of so many ``seconds`` and what was spotted in it, in order of time."""

    stream: StreamFile
    seconds: float
    detections: tuple[Detection, ...]


def hear(stream: StreamFile, classifier: Classifier, config: DetectorConfig) -> Heard:
    """The events of ``kws-edge listen --input`` on this file."""
    spotter = KeywordSpotter(classifier, config)
    source = AudioFile(stream.path, spotter.features.sample_rate)
    return Heard(stream, source.seconds, tuple(spot(source, spotter)))
