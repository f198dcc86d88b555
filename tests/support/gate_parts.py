"""Streams for the idle gate, and what spotters say of them."""

from dataclasses import dataclass, field

import numpy as np
from conftest import noise

from kws_edge.audio.files import read_audio
from kws_edge.detection.detector import Detection, DetectorConfig
from kws_edge.detection.energy_gate import hum_basis, powers
from kws_edge.detection.near_misses import NearMiss
from kws_edge.detection.scoring import read_label_track
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import demo_recording
from kws_edge.spotter import Decision, KeywordSpotter
from kws_edge.types import FloatArray

RATE = 16000
GATE = -55.0
OFF = DetectorConfig()
ON = DetectorConfig(gate_dbfs=GATE)
BLOCK = 320


def demo_words() -> list[FloatArray]:
    """Words of the demo, each so loud that its loudest 20 ms are at 0 dBFS."""
    samples = read_audio(demo_recording(), RATE)
    track = read_label_track(demo_recording().with_suffix(".labels.txt"))
    cut = [samples[int(word.start * RATE) : int(word.end * RATE)] for word in track]
    return [word / rms_of_loudest(word) for word in cut]


def rms_of_loudest(samples: FloatArray) -> float:
    """As the gate measures, for which a low voice's fundamental is hum."""
    return float(np.sqrt(powers(samples, BLOCK, hum_basis(BLOCK, RATE)).max()))


def hum(samples: int, hertz: float) -> FloatArray:
    phase = 2 * np.pi * hertz * np.arange(samples) / RATE
    return np.sin(phase).astype(np.float32)


def background(kind: str, samples: int) -> FloatArray:
    """What stays below the gate; an offset and hum are themselves far above it."""
    quiet = noise(samples) * 10 ** (-50 / 20)  # at -70 dBFS
    return {
        "zeros": np.zeros(samples, np.float32),
        "noise": quiet,
        "offset": quiet + np.float32(0.02),
        "hum": quiet + 0.004 * hum(samples, 50) + 0.002 * hum(samples, 100),
    }[kind].astype(np.float32)


@dataclass
class Run:
    """What one spotter said of a stream, and what it took."""

    detections: list[Detection] = field(default_factory=list)
    near_misses: list[NearMiss] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def said(self) -> list[tuple[str, int]]:
        return [(found.label, found.sample) for found in self.detections]

    @property
    def rested(self) -> int:
        return sum(decision.idle for decision in self.decisions)


@dataclass(frozen=True)
class Step:
    """Audio, or what is done to a spotter between two parts of it."""

    audio: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    skip: int = 0
    settings: dict[str, float] | None = None
    choose: tuple[str, ...] = ()


def run(classifier: Classifier, steps: list[Step], gate: bool, block: int = 1600) -> Run:
    result = Run()
    base = ON if gate else OFF
    spotter = KeywordSpotter(classifier, base, result.decisions.append, near_miss=0.75)
    for step in steps:
        for start in range(0, len(step.audio), block):
            result.detections += spotter.push(step.audio[start : start + block])
            result.near_misses += spotter.take_near_misses()
        if step.skip:
            spotter.skip(step.skip)
        if step.settings:
            spotter.prepare(DetectorConfig(**step.settings, gate_dbfs=base.gate_dbfs))()  # type: ignore[arg-type]
        if step.choose:
            spotter.set_active_keywords(step.choose)
    return result
