"""Untrained networks as model files in both forms, and what a spotter makes of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tones import write_tones
from untrained_run import LABELS, write_run

from kws_edge.detection.detector import DetectorConfig
from kws_edge.model.classifier import Classifier
from kws_edge.spotter import Decision, KeywordSpotter
from kws_edge.types import FloatArray
from training.data.clips import scan
from training.export.convert import convert
from training.networks.streaming_form import chunk_of


@dataclass(frozen=True)
class Models:
    """An untrained network in both forms, as files of both precisions."""

    windowed: dict[str, Path]
    streaming: dict[str, Path]


def converted(folder: Path, architecture: str, width: int) -> Models:
    run = write_run(folder / "run", architecture, width)
    data = write_tones(folder / "tones")
    clips = tuple(scan(data, LABELS))[::12]
    names = ("float32", "int8")
    windowed = {name: convert(run, name, clips, folder) for name in names}
    chunk = chunk_of(run.config)
    streaming = {name: convert(run, name, clips, folder, chunk=chunk) for name in names}
    return Models(windowed, streaming)


def decisions(
    classifier: Classifier, blocks: list[FloatArray], hop_ms: float = 80
) -> dict[int, FloatArray]:
    """Posteriors by the sample at which the spotter had them."""
    found: dict[int, FloatArray] = {}

    def keep(decision: Decision) -> None:
        found[decision.sample] = decision.posteriors

    spotter = KeywordSpotter(classifier, DetectorConfig(hop_ms=hop_ms), keep)
    for block in blocks:
        spotter.push(block)
    return found


def difference(some: dict[int, FloatArray], others: dict[int, FloatArray]) -> float:
    assert list(some) == list(others)
    return max(float(np.abs(some[sample] - others[sample]).max()) for sample in some)
