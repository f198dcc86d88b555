"""Small experiments on the tones, and an executor that trains nothing."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from tones import plain_config

from kws_edge.config.schema import parse
from training.config import TrainingConfig, as_document
from training.experiments.executors import Failure, Finished, Job
from training.experiments.experiment import Experiment, distinct, planned
from training.experiments.optuna_plan import GivenPlan, SearchPlan, Tally
from training.experiments.results import Results
from training.experiments.runner import Runner
from training.train.run import TrainingResult

# of `experiment_document`: the base with two seeds and 50 ms; 30 coefficients of 20 bands are
# refused
COMPLETE, REFUSED = 3, 1
SPACE = {
    "features.frame_length_ms": [20, 40, 50],
    "features.num_mel_bins": {"low": 14, "high": 20, "step": 2},
    "features.num_coefficients": {"low": 8, "high": 14, "step": 1},
}


def experiment_document(*, kind: str = "mfcc", **changes: object) -> dict[str, Any]:
    """An experiment as YAML has it: two factors around a base with two seeds."""
    group = {
        "name": "tones",
        "change": {"features.kind": kind, "features.overlap": 0, "features.num_mel_bins": 20},
        "seeds": [0, 1],
        "factors": {
            "features.frame_length_ms": [40, 50],
            "features.num_coefficients": [10, 30],
        },
    }
    return {"name": "tones", "base": "training.yaml", "groups": [group], **changes}


def search_document(**search: object) -> dict[str, Any]:
    """The same with a search in place of the factors."""
    document = experiment_document()
    del document["groups"][0]["factors"]
    settings = {"space": SPACE, "trials": 5, "startup_trials": 4, **search}
    document["groups"][0]["search"] = settings
    return document


def base_document() -> dict[str, Any]:
    """The base configuration of these experiments, defaults included."""
    return as_document(parse(TrainingConfig, plain_config()))


def write_experiment(folder: Path, document: dict[str, Any], *, epochs: int = 2) -> Path:
    """``experiment.yaml`` and its base below ``folder``."""
    base = plain_config()
    base["schedule"]["epochs"] = epochs
    (folder / "training.yaml").write_text(yaml.safe_dump(base))
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def run_command(config: Path, data: Path, *arguments: object) -> list[str]:
    """``experiment run`` with everything that it makes beside ``config``."""
    return [
        *(sys.executable, "-m", "training", "experiment", "run", str(config)),
        *("--data", str(data), "--study", str(config.parent / "study")),
        *("--cache", str(config.parent / "cache")),
        *map(str, arguments),
    ]


def pretended(job: Job) -> TrainingResult:
    """What a training might have given: better with more coefficients and longer frames."""
    features = job.config.features
    accuracy = 0.5 + features.num_coefficients / 100 + features.frame_length / 10000
    metrics = {
        "validation_accuracy": accuracy,
        "seconds": 60.0,
        "parameters": 1000,
        "estimated_latency_ms": float(features.shape[0]),
        "clips": {"validation": {"keywords": 100, "others": 0}},
    }
    return TrainingResult(metrics, {"accuracy": [0.1, accuracy]}, b"weights")


class InstantExecutor:
    """Finishes each job at once with what ``outcome`` gives, and remembers what it ran."""

    def __init__(
        self,
        outcome: Callable[[Job], TrainingResult | Failure] = pretended,
        slots: int = 1,
    ) -> None:
        self.slots = slots
        self.ran: list[str] = []
        self.jobs: list[Job] = []
        self._outcome = outcome
        self._submitted: list[Job] = []

    def submit(self, job: Job) -> None:
        self._submitted.append(job)

    def wait(self) -> Finished | str:
        job = self._submitted.pop(0)
        outcome = self._outcome(job)
        self.ran.append(job.trial.key)
        self.jobs.append(job)
        return Finished(job, outcome)

    def close(self) -> None:
        pass


def go(
    folder: Path,
    document: dict[str, Any],
    executor: InstantExecutor,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
) -> Tally:
    """One call of ``experiment run`` in this process, with another executor."""
    experiment, base = parse(Experiment, document), base_document()
    results = Results(folder)
    runner = Runner(experiment, base, folder, results, lambda line: None)
    group = experiment.groups[0]
    plan: GivenPlan | SearchPlan = GivenPlan(
        distinct(planned(experiment, base)), results, retry_failed=retry_failed
    )
    if group.search:
        plan = SearchPlan(experiment, group, group.search, base, results)
    runner.run(plan, executor, limit)
    return plan.tally()
