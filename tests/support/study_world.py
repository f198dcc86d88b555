"""A whole study made up: every trial that the sweeps plan, its models, tests and latencies.

Nothing is trained; the accuracies follow a rule that a test may choose.
"""

import functools
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from kws_edge.config.yaml_file import load
from kws_edge.errors import ValidationErrors
from kws_edge.model.latency import Latency
from training.data.clips import Clip
from training.study.outcome import Outcome, outcome_of
from training.study.results import (
    QUANTIZATIONS,
    Agreement,
    Converted,
    Tested,
    Timing,
    Timings,
    converted_path,
    model_name,
    tested_path,
    timings_path,
)
from training.study.store import put
from training.sweep.config import SweepConfig
from training.sweep.one_factor import distinct, one_factor
from training.sweep.point import Point
from training.sweep.records import Record, Records
from training.sweep.trial import Trial, make_trial, run_config
from training.train.run import as_document

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
LABELS = ("down", "go", "left", "no", "right", "stop", "up", "yes")
VALIDATION, TEST = 865, 1827
SIZES = {"float32": 1166.0, "dynamic": 301.0, "int8": 305.0}
SPEED = {"float32": 1.0, "dynamic": 0.4, "int8": 0.5}

Rule = Callable[[Point, int], float]


def lively(point: Point, seed: int) -> float:
    """MFCC best, upper edge and overlap of influence, the rest noise."""
    random = np.random.default_rng(zlib.crc32(f"{point} {seed}".encode()))
    kind = {"mfcc": 0.915, "log_mel": 0.885, "spectrogram": 0.84}[point.kind]
    edge = 0.05 * min(0.0, (point.upper_edge_hertz - 4000) / 2000)
    more = 0.012 * (point.upper_edge_hertz > 4000) + 0.02 * (point.overlap - 0.5)
    return kind + edge + more + random.normal(0, 0.004)


def flat(point: Point, seed: int) -> float:
    """Nothing matters but the seed."""
    return 0.9 + 0.002 * seed


def make_study(
    results: Path,
    rule: Rule = lively,
    *,
    sweeps: tuple[str, ...] = ("mfcc", "log-mel", "spectrogram"),
    searched: int = 12,
    models: bool = True,
    tests: bool = True,
    limit: int | None = None,
) -> Path:
    """Fill ``results``; at most ``limit`` trials of each sweep's plan, in its order."""
    with mock.patch("os.fsync"):  # nothing here must outlive a power cut
        _fill(results, rule, sweeps, searched, models, tests, limit)
    return results


def _fill(
    results: Path,
    rule: Rule,
    sweeps: tuple[str, ...],
    searched: int,
    models: bool,
    tests: bool,
    limit: int | None,
) -> None:
    results.mkdir(parents=True, exist_ok=True)
    records, timings = Records(results), {}
    for name in sweeps:
        shutil.copyfile(CONFIGS / f"sweep-{name}.yaml", results / f"{name}.yaml")
        config = load(results / f"{name}.yaml", SweepConfig)
        plans = [(trial, "one-factor") for trial in distinct(one_factor(config))[:limit]]
        plans += [(trial, "search") for trial in _searched(config, searched)]
        for trial, plan in plans:
            record = _record(config, trial, plan, rule)
            records.put(record)
            if models and record.state == "complete":
                timings.update(_models(results, record, trial.point, tests))
    if timings:
        put(
            timings_path(results),
            Timings(
                "x86_64, a test's processor, Python 3",
                "litert 0",
                4,
                (0.5, 0.6),
                40,
                5,
                "0" * 40,
                "2026-01-01",
                timings,
            ),
        )


def _searched(config: SweepConfig, trials: int) -> Iterator[Trial]:
    random = np.random.default_rng(1)
    while config.search and trials:
        mel = int(random.integers(10, 40))
        point = config.base.moved(
            frame_length_ms=float(random.choice([20, 32, 40, 50])),
            overlap=float(random.choice([0.25, 0.5, 0.75])),
            num_mel_bins=mel,
            upper_edge_hertz=float(random.choice([3000, 5000, 7000])),
            num_coefficients=int(random.integers(10, mel + 1)),
        )
        try:
            point.features()
        except ValidationErrors:
            continue
        trials -= 1
        yield make_trial(config, point, config.seeds[0])


def _record(config: SweepConfig, trial: Trial, plan: str, rule: Rule) -> Record:
    common: dict[str, Any] = {
        "key": trial.key,
        "sweep": config.name,
        "plan": plan,
        "seed": trial.seed,
        "point": asdict(trial.point),
        "data": "data",
        "finished": "2026-01-01",
    }
    try:
        run = run_config(config, trial)
    except ValidationErrors as error:
        return Record(
            state="failed", reason=str(error), config={}, metrics={}, history={}, **common
        )
    frames, width = trial.point.features().shape
    correct = round(min(1.0, rule(trial.point, trial.seed)) * VALIDATION)
    metrics: dict[str, Any] = {
        "seconds": 100.0,
        "clips": {"training": 6290, "validation": VALIDATION},
        "validation_accuracy": correct / VALIDATION,
        "feature_shape": [frames, width],
        "features_ms": frames / 300,
        "estimated_latency_ms": frames / 300 + frames * width / 3000,
        "size_kb": SIZES["float32"],
        "host": "a host",
        "git_commit": "0" * 40,
    }
    return Record(
        state="complete", reason="", config=as_document(run), metrics=metrics, history={}, **common
    )


def _models(results: Path, record: Record, point: Point, tests: bool) -> dict[str, Timing]:
    timings = {}
    frames, width = record.metrics["feature_shape"]
    for number, quantization in enumerate(QUANTIZATIONS):
        name = model_name(record.key, quantization)
        sha = f"{name:0<64}"
        accuracy = record.accuracy - 0.001 * number
        agreement = Agreement("litert 0", "validation clips", 0.001, True)
        outcome = pretended_outcome(accuracy, VALIDATION, name, "validation part")
        put(
            converted_path(results, name),
            Converted(
                record.key,
                quantization,
                sha,
                SIZES[quantization],
                (agreement,),
                outcome,
                "litert 0",
                "0" * 40,
                "now",
            ),
        )
        if tests:
            test = pretended_outcome(accuracy - 0.01, TEST, name, "official test set")
            put(
                tested_path(results, name),
                Tested(record.key, quantization, sha, test, "litert 0", "0" * 40, "now"),
            )
        features, model = frames / 300, SPEED[quantization] * frames * width / 3000
        timings[name] = Timing(sha, _latency(features), _latency(model), _latency(features + model))
    return timings


def _latency(ms: float) -> Latency:
    return Latency(ms, 1.2 * ms)


def pretended_outcome(accuracy: float, count: int, name: str, data: str) -> Outcome:
    """So many clips right, the easy ones first, a few otherwise with each model."""
    clips = _clips(count)
    order = np.random.default_rng(0).random(count)
    order += np.random.default_rng(sum(map(ord, name))).normal(0, 0.05, count)
    right = np.argsort(np.argsort(order)) < round(accuracy * count)
    spoken = np.array([LABELS.index(clip.label) for clip in clips])
    return outcome_of(np.where(right, spoken, (spoken + 1) % 8), clips, LABELS, data)


@functools.lru_cache
def _clips(count: int) -> list[Clip]:
    return [Clip(Path(f"{n:04}.wav"), LABELS[n * len(LABELS) // count], "a") for n in range(count)]
