"""A model on streams: the runtime's detections, scored against the label tracks."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kws_edge.config.config import DetectorOverrides
from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import read_yaml
from kws_edge.detection.detector import Detection, DetectorConfig
from kws_edge.detection.scoring import TOLERANCE_S, SpokenWord, StreamScore, score
from kws_edge.engine import spot
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import read_model
from kws_edge.model.interpreter import interpreter_name
from kws_edge.sources.base import AudioFile
from kws_edge.spotter import KeywordSpotter
from kws_edge.verifier import Verification
from training.evaluation.streams.compose import StreamFile
from training.stats import poisson_interval, wilson_interval


@dataclass(frozen=True)
class OperatingPoints:
    """``detector`` applies unless the user asks for a preset."""

    detector: DetectorConfig
    presets: dict[str, DetectorConfig] = field(default_factory=dict)


def load_operating_points(path: Path) -> OperatingPoints:
    """Read YAML: ``detector`` and ``presets``, or the settings of one detector only.

    Raises `MissingFileError`, and `ConfigError` with every fault.
    """
    document = read_yaml(path)
    alone = not isinstance(document, dict) or not {"detector", "presets"} & set(document)
    try:
        return parse(OperatingPoints, {"detector": document} if alone else document)
    except ValidationErrors as error:
        faults = (fault.removeprefix("detector.") if alone else fault for fault in error.faults)
        raise ConfigError(f"{path}: {'; '.join(faults)}") from error


@dataclass(frozen=True)
class StreamDetections:
    """The detections in a stream of ``seconds`` length, in order of time."""

    stream: StreamFile
    seconds: float
    detections: tuple[Detection, ...]


def run_detector(
    stream: StreamFile,
    classifier: Classifier,
    config: DetectorConfig,
    verification: Verification | None = None,
) -> StreamDetections:
    """The events of ``kws-edge listen --input`` on this file."""
    spotter = KeywordSpotter(classifier, config, verification=verification)
    source = AudioFile(stream.path, spotter.features.sample_rate)
    detections = tuple(spot(source, spotter))
    return StreamDetections(stream, source.seconds, detections)  # its length as counted


@dataclass(frozen=True)
class ScoredStream:
    """The detections in a stream, compared with its label track."""

    result: StreamDetections
    score: StreamScore


def score_stream(result: StreamDetections, keywords: Sequence[str]) -> ScoredStream:
    """A stream without a label track contains no keyword: each detection is a false accept."""
    return ScoredStream(result, score(result.detections, result.stream.words or (), keywords))


def figures(results: Sequence[ScoredStream], keywords: Sequence[str]) -> dict[str, Any]:
    """Figures of all streams together, of each stream and each word, and every single error.

    Recall with Wilson's interval, false accepts per hour with the exact one of a Poisson
    count, both of 95 %; latency in ms from the end of a word to the decision.
    """
    return {
        **_total(results),
        "streams": [{"name": r.result.stream.name, **_total([r])} for r in results],
        "words": {word: _of_word(results, word) for word in keywords},
        "missed": [
            {"stream": r.result.stream.name, "label": w.label, "time_s": w.start}
            for r in results
            for w in r.score.misses
        ],
        "false": [
            {
                "stream": r.result.stream.name,
                "label": d.label,
                "time_s": d.time_s,
                "score": round(d.score, 4),
                "during": during(d, r.result.stream.words or ()),
            }
            for r in results
            for d in r.score.false_accepts
        ],
    }


def during(detection: Detection, words: Sequence[SpokenWord]) -> str:
    """The label of the last word spoken at the time of a false accept; empty if there is none."""
    started = [w for w in words if w.start <= detection.time_s <= w.end + TOLERANCE_S]
    return max(started, key=lambda word: word.start).label if started else ""


def recall_figures(hits: int, spoken: int) -> dict[str, Any]:
    """Recall with Wilson's 95 % interval; None if nothing was spoken."""
    lower, upper = wilson_interval(hits, spoken)
    return {
        "spoken": spoken,
        "hits": hits,
        "recall": hits / spoken if spoken else None,
        "recall_lower": lower if spoken else None,
        "recall_upper": upper if spoken else None,
    }


def false_accept_figures(count: int, hours: float) -> dict[str, Any]:
    lower, upper = poisson_interval(count)
    return {
        "hours": hours,
        "false_accepts": count,
        "false_accepts_per_hour": count / hours,
        "false_accepts_per_hour_lower": lower / hours,
        "false_accepts_per_hour_upper": upper / hours,
    }


def latency_figures(hits: Sequence[tuple[SpokenWord, Detection]]) -> dict[str, Any]:
    """Time from the end of the word to the end of the deciding window, in stream time."""
    values = [1000 * (detection.time_s - word.end) for word, detection in hits]
    if not values:
        return {"latency_ms": None}
    median, p95 = np.percentile(values, [50, 95])
    return {"latency_ms": {"median": round(float(median), 1), "p95": round(float(p95), 1)}}


def _total(results: Sequence[ScoredStream]) -> dict[str, Any]:
    hits = [hit for r in results for hit in r.score.hits]
    spoken = len(hits) + sum(len(r.score.misses) for r in results)
    false_accepts = sum(len(r.score.false_accepts) for r in results)
    hours = sum(r.result.seconds for r in results) / 3600
    return {
        **recall_figures(len(hits), spoken),
        **false_accept_figures(false_accepts, hours),
        **latency_figures(hits),
    }


def _of_word(results: Sequence[ScoredStream], word: str) -> dict[str, Any]:
    hits = [hit for r in results for hit in r.score.hits if hit[0].label == word]
    misses = sum(w.label == word for r in results for w in r.score.misses)
    false_accepts = sum(d.label == word for r in results for d in r.score.false_accepts)
    return {
        **recall_figures(len(hits), len(hits) + misses),
        "false_accepts": false_accepts,
        **latency_figures(hits),
    }


def evaluate_streams(
    model: Path,
    streams: Sequence[StreamFile],
    overrides: DetectorOverrides,
    points: OperatingPoints | None = None,
    verification: Verification | None = None,
) -> dict[str, Any]:
    """The figures of `figures`, ready for JSON. ``points`` replace those of the model; a
    ``verification`` is the second stage.

    Raises `ValidationErrors` if the settings do not fit the model.
    """
    file = read_model(model)
    manifest = file.manifest
    points = points or OperatingPoints(manifest.detector, manifest.presets)
    config = overrides.applied_to(points.detector, points.presets)
    classifier = Classifier(file)
    results = [
        score_stream(run_detector(stream, classifier, config, verification), manifest.keywords)
        for stream in streams
    ]
    return {
        "model": manifest.name,
        "run_id": manifest.run_id,
        "git_commit": manifest.git_commit,
        "preset": overrides.preset,
        "detector": dataclasses.asdict(config),
        "verifier_threshold": verification and verification.threshold,
        "interpreter": interpreter_name(),
        "without_labels": [s.name for s in streams if s.words is None],
        **figures(results, manifest.keywords),
    }
