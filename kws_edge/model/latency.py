"""How long features and network take for one decision."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kws_edge.features.front_end import FrontEnd
from kws_edge.features.stream import FeatureStream
from kws_edge.model.classifier import Classifier, StreamingClassifier
from kws_edge.model.probe import probe_signal


@dataclass(frozen=True)
class Latency:
    """Median and 95th percentile in ms."""

    median_ms: float
    p95_ms: float


def measure(classifier: Classifier, repetitions: int = 200) -> dict[str, Latency]:
    """Latencies at batch 1 of ``features`` (a whole window), ``model`` (one decision: of a
    streaming model a chunk) and their ``sum``, and of ``hop`` (the features of one new frame
    of a stream).

    The steps are timed in turn, so that drift of the machine hits all alike.
    """
    config = classifier.manifest.features
    front_end, stream = FrontEnd(config), FeatureStream(config)
    signal = probe_signal(config)
    stream.push(signal)
    hop = signal[: config.frame_step]
    features = front_end(signal)
    streaming = StreamingClassifier(classifier)
    frames_seen = itertools.count(len(features), streaming.chunk_frames)
    steps: dict[str, Callable[[], object]] = {
        "features": lambda: front_end(signal),
        "model": lambda: streaming(features, next(frames_seen)),
        "hop": lambda: stream.push(hop),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(repetitions + repetitions // 10):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            if turn >= repetitions // 10:  # the first turns warm up
                times[name].append((time.perf_counter() - started) * 1000)
    times["sum"] = [a + b for a, b in zip(times["features"], times["model"], strict=True)]
    return {
        name: Latency(float(np.median(t)), float(np.percentile(t, 95))) for name, t in times.items()
    }
