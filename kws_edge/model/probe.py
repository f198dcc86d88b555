"""A synthetic signal by formula: does this device compute the right posteriors, and how fast?

A model's manifest holds the posteriors expected for the signal; the signal itself needs no file.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kws_edge.features.front_end import FeatureConfig, FeatureStream, FrontEnd
from kws_edge.model.classifier import Classifier, StreamingClassifier
from kws_edge.types import FloatArray


def probe_signal(config: FeatureConfig) -> FloatArray:
    """One window of a rising, speech-like buzz with noise: float32 in [-1, 1), ``[samples]``.

    Sines and a 32-bit linear congruential generator (Numerical Recipes), so that the same
    samples come out everywhere; all mel bands are excited at changing levels.
    """
    n = np.arange(config.window_samples)
    t = n / config.sample_rate
    pitch = 2 * np.pi * (110 * t + 40 * t**2)  # phase of a voice rising from 110 Hz
    harmonics = np.arange(1, 33)[:, None]  # [32, 1]
    formant = np.exp(-(((harmonics * (110 + 80 * t) - 600 - 1500 * t) / 700) ** 2))
    voice = np.sum(formant * np.sin(harmonics * pitch), axis=0)  # [samples]
    envelope = np.sin(np.pi * np.clip((t - 0.2) / 0.6, 0, 1)) ** 2
    state, noise = 12345, np.empty(len(n))
    for index in range(len(n)):
        state = (1664525 * state + 1013904223) % 2**32
        noise[index] = state / 2**31 - 1
    signal: FloatArray = (0.08 * envelope * voice + 0.004 * noise).astype(np.float32)
    return signal


@dataclass(frozen=True)
class ProbeResult:
    """The posteriors of this device and their largest difference from the manifest's."""

    posteriors: FloatArray
    difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.difference <= self.tolerance


def run_probe(classifier: Classifier) -> ProbeResult:
    """Compute the posteriors of the probe signal and compare them with the manifest's."""
    manifest = classifier.manifest
    posteriors = probe_posteriors(classifier)
    expected = np.array(manifest.probe.posteriors, np.float32)
    difference = float(np.max(np.abs(posteriors - expected)))
    return ProbeResult(posteriors, difference, manifest.probe.tolerance)


def probe_posteriors(classifier: Classifier) -> FloatArray:
    """The posteriors ``[labels]`` of the probe signal."""
    features = classifier.manifest.features
    return classifier(FrontEnd(features)(probe_signal(features)))


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
