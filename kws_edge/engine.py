"""From a source to detections: the same path for a microphone, a file and a pipe."""

from collections.abc import Iterator

import numpy as np

from kws_edge.detection.detector import Detection
from kws_edge.sources.base import AudioSource
from kws_edge.spotter import KeywordSpotter


def spot(source: AudioSource, spotter: KeywordSpotter) -> Iterator[Detection]:
    """Detections as they fall; a source that ends is followed by half a window of silence.

    So a word at the very end of a file comes to the middle of the window as others do.
    """
    for block in source.blocks():
        if block.lost:
            spotter.skip(block.lost)
        yield from spotter.push(block.samples)
    yield from spotter.push(np.zeros(spotter.features.window_samples // 2, np.float32))
