"""How long a decision takes with each converted model, all of them in turn.

It runs in a process of its own, so that no library has started threads before it is told
to use one.
"""

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import read_model
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.latency import Latency
from kws_edge.model.probe import probe_signal
from training.study.results import Timing, Timings
from training.sweep.records import now
from training.train.provenance import git_commit, machine

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Times = list[tuple[float, float]]  # ms of the features and of the network, a pair a decision


@dataclass(frozen=True)
class Plan:
    """``rounds`` over all models in an order drawn anew, ``calls`` counted in each turn."""

    models: dict[str, Path]
    rounds: int
    calls: int


def latency_all(plan: Plan) -> Timings:
    """Measure. ValidationErrors of a model file are raised here as they were there."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(measure_all, (plan,))
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def measure_all(plan: Plan) -> Timings:
    """In this process."""
    files = {name: read_model(path) for name, path in plan.models.items()}
    decisions = {name: decision(Classifier(file)) for name, file in files.items()}
    load = _load()
    times = in_turn(decisions, plan.rounds, plan.calls)
    return Timings(
        machine=machine(),
        interpreter=interpreter_name(),
        cores=os.cpu_count() or 1,
        load=(*load, *_load()),
        rounds=plan.rounds,
        calls=plan.calls,
        git_commit=git_commit(),
        finished=now(),
        models={
            name: timing(files[name].manifest.flatbuffer.sha256, times[name]) for name in decisions
        },
    )


def decision(classifier: Classifier) -> Callable[[], tuple[float, float]]:
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
    decisions: Mapping[str, Callable[[], tuple[float, float]]], rounds: int, calls: int
) -> dict[str, Times]:
    """What slows the machine for a while slows all alike."""
    times: dict[str, Times] = {name: [] for name in decisions}
    order, dice = list(decisions), random.Random(0)
    for _ in range(rounds):
        dice.shuffle(order)
        for name in order:
            decisions[name]()  # fills the caches that the others' turns emptied
            times[name] += [decisions[name]() for _ in range(calls)]
    return times


def timing(sha256: str, times: Times) -> Timing:
    """Median and 95th percentile of each step and of their sum."""
    steps = np.array(times)  # [decisions, 2]
    features, model, both = (_latency(t) for t in (steps[:, 0], steps[:, 1], steps.sum(axis=1)))
    return Timing(sha256, features, model, both)


def _latency(times: npt.NDArray[np.float64]) -> Latency:
    return Latency(round(float(np.median(times)), 5), round(float(np.percentile(times, 95)), 5))


def _load() -> tuple[float, ...]:
    return (round(os.getloadavg()[0], 2),) if hasattr(os, "getloadavg") else ()
