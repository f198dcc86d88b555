"""Where trials are trained: in a process beside this one, or as tasks of a Ray cluster."""

import math
import multiprocessing
import os
import platform
import signal
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import kws_edge
import training
from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.extras import not_installed
from training.config import TrainingConfig
from training.data.clips import scan
from training.data.loading import sizes_digest
from training.experiments.experiment import Resources, Trial
from training.processes import end_with_parent
from training.train.run import TrainingResult

if TYPE_CHECKING:
    from training.data.prepare import TrainingData


@dataclass(frozen=True)
class DataFolders:
    """Where recordings, split lists and prepared features are."""

    data: Path
    split_lists: Path | None
    cache: Path

    def fingerprint(self, config: TrainingConfig) -> str:
        """12 hexadecimal digits for what ``config`` trains on: names and sizes of its clips, of
        its noise and speech, and the split lists. Raises `MissingFileError`.
        """
        labels = config.data.words if config.windows is None else None
        paths = [
            clip.path
            for source in config.data.sources
            for clip in scan(self.data / source.folder, labels)
        ]
        for folder in (*config.data.noise, *config.data.speech):
            paths += [path for path in sorted((self.data / folder).rglob("*")) if path.is_file()]
        lists = sorted(self.split_lists.glob("*.txt")) if self.split_lists else []
        named = ((str(path.relative_to(self.data)), path) for path in paths)
        return sizes_digest(named, *(part.read_bytes() for part in lists))


@dataclass(frozen=True)
class Job:
    """A trial as a configuration; ``judged_by`` is the one whose validation windows count."""

    trial: Trial
    config: TrainingConfig
    judged_by: TrainingConfig | None = None


@dataclass(frozen=True)
class Failure:
    """Why a trial has no result, in one line."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """A job and its outcome."""

    job: Job
    outcome: TrainingResult | Failure


Report = Callable[[str], None]


def prepared(job: Job, recordings: DataFolders, report: Report) -> "TrainingData":
    """The examples of a job. Raises `MissingFileError` and `DataError` of the recordings."""
    from training.data.prepare import prepare

    return prepare(
        job.config,
        recordings.data,
        recordings.cache,
        split_lists=recordings.split_lists,
        report=report,
        judged_by=job.judged_by,
    )


def work(job: Job, examples: "TrainingData", report: Report) -> TrainingResult:
    """Train, and estimate what a decision of the result costs."""
    from training.networks.network import estimated_latency_ms, features_ms
    from training.train.train import fit  # Keras, which the process of the experiment lacks

    trained = fit(job.config, examples, report)
    features, network = job.config.features, job.config.network
    front_end = features_ms(features)
    trained.metrics.update(
        network=network.architecture + (f"-{network.width}" if network.width else ""),
        epochs=job.config.schedule.epochs,
        batch_size=job.config.schedule.batch_size,
        feature_shape="x".join(map(str, features.shape)),
        estimated_latency_ms=round(
            estimated_latency_ms(front_end, trained.metrics["multiply_accumulates"]), 4
        ),
        host=f"{platform.node()} ({platform.machine()}, Python {platform.python_version()})",
    )
    return trained


class Executor(Protocol):
    """Runs up to ``slots`` jobs at a time."""

    @property
    def slots(self) -> int: ...

    def submit(self, job: Job) -> None: ...

    def wait(self) -> Finished | str:
        """The next job that ended, or a line about one that is under way."""

    def close(self) -> None:
        """Stop what is still running."""


def one_line(error: BaseException) -> str:
    """An exception's kind, the first line of its message and where it was raised."""
    lines = str(error).strip().splitlines() or [""]
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {lines[0][:400]}{where}"


class LocalExecutor:
    """One job at a time, each in a process of its own: Keras uses all cores for it.

    A trial that runs out of memory or crashes the interpreter fails alone.
    """

    slots = 1

    def __init__(self, recordings: DataFolders) -> None:
        self._recordings = recordings
        self._log = tempfile.NamedTemporaryFile(prefix="kws-edge-trial-")  # noqa: SIM115
        self._running: tuple[Job, BaseProcess, Connection] | None = None

    def submit(self, job: Job) -> None:
        # spawn, not fork: a forked TensorFlow hangs
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        self._log.seek(0)
        self._log.truncate()
        arguments = (sender, job, self._recordings, Path(self._log.name))
        process = context.Process(target=_child, args=arguments)
        process.start()
        sender.close()  # the child's end is then the only one, and its death ends the pipe
        self._running = job, process, receiver

    def wait(self) -> Finished | str:
        if self._running is None:
            raise RuntimeError("nothing was submitted")
        job, process, receiver = self._running
        try:
            message: str | TrainingResult | Failure = receiver.recv()
        except EOFError:
            process.join()
            message = Failure(self._last_words(process.exitcode))
        if isinstance(message, str):
            return message
        process.join()
        self._running = None
        return Finished(job, message)

    def close(self) -> None:
        if self._running:
            self._running[1].kill()
        self._log.close()

    def _last_words(self, code: int | None) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f"its process ended with exit code {code}" + (f": {lines[-1]}" if lines else "")


def _child(sender: Connection, job: Job, recordings: DataFolders, log: Path) -> None:
    # TensorFlow's messages would disturb the progress lines; after a crash they are the reason
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    end_with_parent()
    try:
        sender.send(work(job, prepared(job, recordings, sender.send), sender.send))
    except Exception as error:
        sender.send(Failure(one_line(error)))


class RayExecutor:
    """As many jobs at a time as the cluster has room for.

    The examples are prepared here and travel through Ray's object store, and so does this
    program: a node needs Keras and a backend, but neither the clips nor an installation.
    """

    def __init__(self, address: str, resources: Resources, recordings: DataFolders) -> None:
        self._ray = _connect(address, resources)
        self._resources, self._recordings = resources, recordings
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
            max_calls=1,  # a process for each trial: nothing of Keras's stays behind
        )(_task)
        self._running: dict[Any, Job] = {}

    @property
    def slots(self) -> int:
        """Room for jobs now: nodes come and go. One at least, which then waits."""
        return max(1, self._room())

    def submit(self, job: Job) -> None:
        try:
            examples = prepared(job, self._recordings, lambda _: None).in_memory()
            reference = self._task.remote(job, self._ray.put(examples))
        except (KwsEdgeError, OSError) as error:  # a full disk, an unreadable clip
            reference = self._ray.put(Failure(one_line(error)))
        self._running[reference] = job

    def wait(self) -> Finished:
        (reference,), _ = self._ray.wait(list(self._running), num_returns=1)
        job = self._running.pop(reference)
        try:
            outcome: TrainingResult | Failure = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # lost more often than it may be
            outcome = Failure(one_line(error))
        return Finished(job, outcome)

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
        raise not_installed("ray", "ray") from error
    threads = str(max(1, int(resources.num_cpus)))
    environment = {
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", ""),
        # trials side by side on one machine keep to the cores that they asked for
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


def _task(job: Job, examples: "TrainingData") -> TrainingResult | Failure:
    """One trial, on a node of the cluster."""
    try:
        return work(job, examples, lambda _: None)
    except Exception as error:
        return Failure(one_line(error))
