"""Trials as tasks of a Ray cluster, which places them and brings them back from lost workers."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

import kws_edge
import training
from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.extras import not_installed
from training.config import RunConfig
from training.data.cache import Arrays, Examples, cached_arrays
from training.data.splits import Split
from training.sweep.config import Resources
from training.sweep.executor import Failure, Finished, one_line
from training.sweep.trial import Trial
from training.train.trained import TrainingResult


class RayExecutor:
    """As many trials at a time as the cluster has room for.

    Features are computed here and travel through Ray's object store, and so does this
    program: a node needs Keras and a backend, but neither the clips nor an installation.
    """

    def __init__(self, address: str, resources: Resources, split: Split, cache: Path) -> None:
        self._ray = _connect(address, resources)
        self._resources, self._split, self._cache = resources, split, cache
        if not self._room():
            self._ray.shutdown()
            raise ConfigError(
                f"--ray {address}: no node has the {resources.num_cpus:g} CPUs and"
                f" {resources.num_gpus:g} GPUs that a trial asks for"
            )
        self._task = self._ray.remote(
            num_cpus=resources.num_cpus,
            num_gpus=resources.num_gpus,
            max_retries=resources.max_retries,  # where the worker is lost, not where it fails
            max_calls=1,  # a process of its own for each: nothing of Keras's stays behind
        )(_work)
        self._running: dict[Any, tuple[Trial, RunConfig]] = {}

    @property
    def slots(self) -> int:
        """Room for trials now: nodes come and go. One at least, which then waits."""
        return max(1, self._room())

    def submit(self, trial: Trial, run: RunConfig) -> None:
        try:
            arrays = cached_arrays(self._split, run.labels, run.features, self._cache)
            reference = self._task.remote(run, self._ray.put(_in_memory(arrays)))
        except (KwsEdgeError, OSError) as error:  # a full disk, an unreadable clip
            reference = self._ray.put(Failure(one_line(error)))
        self._running[reference] = trial, run

    def wait(self) -> Finished:
        (reference,), _ = self._ray.wait(list(self._running), num_returns=1)
        trial, run = self._running.pop(reference)
        try:
            outcome: TrainingResult | Failure = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # lost more often than it may be
            outcome = Failure(one_line(error))
        return Finished(trial, run, outcome)

    def close(self) -> None:
        self._ray.shutdown()

    def _room(self) -> int:
        asked = {"CPU": self._resources.num_cpus, "GPU": self._resources.num_gpus}
        return sum(
            min(
                math.floor(node["Resources"].get(kind, 0) / amount)
                for kind, amount in asked.items()
                if amount
            )
            for node in self._ray.nodes()
            if node["Alive"]
        )


def _connect(address: str, resources: Resources) -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f"--ray: Ray {not_installed('ray')}") from error
    threads = str(max(1, int(resources.num_cpus)))
    environment = {
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", ""),
        # trials beside each other on one machine keep to the cores that they asked for
        "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    packages = [str(Path(str(package.__file__)).parent) for package in (kws_edge, training)]
    try:
        ray.init(
            address=address,
            runtime_env={
                "py_modules": packages,
                "env_vars": {name: value for name, value in environment.items() if value},
            },
            log_to_driver=False,
        )
    except (ray.exceptions.RayError, ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(f"--ray {address}: {' '.join(str(error).split())}") from error
    return ray


def _in_memory(arrays: Arrays) -> Arrays:
    """Plain arrays in place of mapped ones: Ray shares those without copies."""

    def plain(examples: Examples) -> Examples:
        return Examples(np.asarray(examples.features), examples.targets)

    return Arrays(plain(arrays.training), plain(arrays.validation))


def _work(run: RunConfig, arrays: Arrays) -> TrainingResult | Failure:
    """One trial, on a node of the cluster."""
    try:
        from training.sweep.work import work

        return work(run, arrays)
    except Exception as error:
        return Failure(one_line(error))
