"""How long a decision takes with each of several models, all of them in turn.

It runs in a process of its own, so that no library has started threads before the environment
limits it to one.
"""

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.probe import probe_signal
from training.train.run import machine

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Decide = Callable[[], tuple[float, float]]  # ms of the features and of the network


@dataclass(frozen=True)
class Turns:
    """``rounds`` over all models in an order drawn anew, ``calls`` counted in each turn."""

    models: dict[str, Path]
    rounds: int
    calls: int


@dataclass(frozen=True)
class Timings:
    """Columns of the table: of each model, and of the measurement."""

    models: dict[str, dict[str, float]]
    about: dict[str, str | float | int]


def measure_in_turn(turns: Turns) -> Timings:
    """Measure in another process. Errors of a model file are raised here as they were there."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(measure, (turns,))
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def measure(turns: Turns) -> Timings:
    """In this process."""
    decisions = {name: decision(Classifier.load(path)) for name, path in turns.models.items()}
    load = _load()
    times = in_turn(decisions, turns.rounds, turns.calls)
    return Timings(
        {name: columns(times[name]) for name in decisions},
        {
            "time_machine": machine(),
            "time_interpreter": interpreter_name(),
            "time_cores": os.cpu_count() or 1,
            "time_load_before": load,
            "time_load_after": _load(),
            "time_rounds": turns.rounds,
            "time_calls": turns.calls,
            "time_models": len(turns.models),
        },
    )


def decision(classifier: Classifier) -> Decide:
    """A call that decides on one window and returns what features and network took, ms."""
    config = classifier.manifest.features
    front_end, signal = FrontEnd(config), probe_signal(config)

    def decide() -> tuple[float, float]:
        started = time.perf_counter()
        features = front_end(signal)
        between = time.perf_counter()
        classifier(features)
        return (between - started) * 1000, (time.perf_counter() - between) * 1000

    return decide


def in_turn(
    decisions: Mapping[str, Decide], rounds: int, calls: int
) -> dict[str, list[tuple[float, float]]]:
    """What slows the machine for a while slows all models alike."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in decisions}
    order, dice = list(decisions), random.Random(0)
    for _ in range(rounds):
        dice.shuffle(order)
        for name in order:
            decisions[name]()  # fills the caches that the others' turns emptied
            times[name] += [decisions[name]() for _ in range(calls)]
    return times


def columns(times: list[tuple[float, float]]) -> dict[str, float]:
    """Median and 95th percentile of each step and of their sum, in ms."""
    steps = np.array(times)  # [decisions, 2]
    parts = {"features": steps[:, 0], "model": steps[:, 1], "decision": steps.sum(axis=1)}
    found = {}
    for name, part in parts.items():
        found[f"{name}_median_ms"] = round(float(np.median(part)), 5)
        found[f"{name}_p95_ms"] = round(float(np.percentile(part, 95)), 5)
    return found


def _load() -> float:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0
