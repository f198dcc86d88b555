"""Recall, false accepts and latency of what was heard in streams, ready for JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws_edge.detection.detector import Detection
from kws_edge.detection.scoring import TOLERANCE_S, SpokenWord, StreamScore, score
from training.evaluation.streams.hear import Heard
from training.stats import poisson_interval, wilson_interval


@dataclass(frozen=True)
class Scored:
    """What was heard in a stream against what was spoken."""

    heard: Heard
    score: StreamScore


def scored(heard: Heard, keywords: Sequence[str]) -> Scored:
    """A stream without a label track holds no keyword: all in it is a false accept."""
    return Scored(heard, score(heard.detections, heard.stream.words or (), keywords))


def figures(results: Sequence[Scored], keywords: Sequence[str]) -> dict[str, Any]:
    """All streams together, each stream, each word, and every single error.

    Recall with Wilson's interval, false accepts per hour with the exact one of a Poisson
    count, both of 95 %; latency in ms from the end of a word to the decision.
    """
    return {
        **_total(results),
        "streams": [{"name": r.heard.stream.name, **_total([r])} for r in results],
        "words": {word: _of_word(results, word) for word in keywords},
        "missed": [
            {"stream": r.heard.stream.name, "label": w.label, "time_s": w.start}
            for r in results
            for w in r.score.misses
        ],
        "false": [
            {
                "stream": r.heard.stream.name,
                "label": d.label,
                "time_s": d.time_s,
                "score": round(d.score, 4),
                "during": during(d, r.heard.stream.words or ()),
            }
            for r in results
            for d in r.score.false_accepts
        ],
    }


def during(detection: Detection, words: Sequence[SpokenWord]) -> str:
    """What was spoken last when a false accept fell; empty where nothing was."""
    started = [w for w in words if w.start <= detection.time_s <= w.end + TOLERANCE_S]
    return max(started, key=lambda word: word.start).label if started else ""


def recall_figures(hits: int, spoken: int) -> dict[str, Any]:
    """None where nothing was spoken."""
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
    """From the end of the word to the end of the window that decided, in stream time."""
    values = [1000 * (detection.time_s - word.end) for word, detection in hits]
    if not values:
        return {"latency_ms": None}
    median, p95 = np.percentile(values, [50, 95])
    return {"latency_ms": {"median": round(float(median), 1), "p95": round(float(p95), 1)}}


def _total(results: Sequence[Scored]) -> dict[str, Any]:
    hits = [hit for r in results for hit in r.score.hits]
    spoken = len(hits) + sum(len(r.score.misses) for r in results)
    false_accepts = sum(len(r.score.false_accepts) for r in results)
    hours = sum(r.heard.seconds for r in results) / 3600
    return {
        **recall_figures(len(hits), spoken),
        **false_accept_figures(false_accepts, hours),
        **latency_figures(hits),
    }


def _of_word(results: Sequence[Scored], word: str) -> dict[str, Any]:
    hits = [hit for r in results for hit in r.score.hits if hit[0].label == word]
    misses = sum(w.label == word for r in results for w in r.score.misses)
    false_accepts = sum(d.label == word for r in results for d in r.score.false_accepts)
    return {
        **recall_figures(len(hits), len(hits) + misses),
        "false_accepts": false_accepts,
        **latency_figures(hits),
    }
