"""The loop of a sweep: hand out trials, keep what comes back."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kws_edge.errors import ValidationErrors
from training.config import RunConfig
from training.sweep.config import SweepConfig
from training.sweep.executor import Epoch, Executor, Failure, Finished
from training.sweep.plans import Plan
from training.sweep.progress import Progress
from training.sweep.records import Record, Records, now
from training.sweep.trial import Trial, network_folder, run_config
from training.train.provenance import git_commit
from training.train.run import as_document, write_run_files
from training.train.trained import WEIGHTS, TrainingResult


@dataclass(frozen=True)
class Sweep:
    """A sweep on its data (by ``data``, the fingerprint), results and networks' folder."""

    config: SweepConfig
    data: str
    records: Records
    models: Path
    _commits: dict[str, str] = field(default_factory=dict)

    def run(self, plan: Plan, executor: Executor, progress: Progress, limit: int | None) -> int:
        """Run what the plan has left, at most ``limit`` trials; how many were run."""
        handed = running = 0
        while True:
            while running < executor.slots and (limit is None or handed < limit):
                trial = self._start(plan, executor, progress)
                if trial is None:
                    break
                handed, running = handed + 1, running + 1
            if not running:
                return handed
            event = executor.wait()
            if isinstance(event, Epoch):
                progress.epoch(event, plan.tally())
            else:
                running -= 1
                self._finish(plan, event, progress)

    def _start(self, plan: Plan, executor: Executor, progress: Progress) -> Trial | None:
        """Submit the next trial that can be run; those that cannot are recorded at once."""
        while trial := plan.next():
            try:
                run = run_config(self.config, trial)
            except ValidationErrors as error:
                record = self._record(plan, trial, None, Failure(str(error)))
                self._keep(plan, trial, record, progress)
                continue
            progress.started(trial, plan.tally())
            self._commits[trial.key] = git_commit()  # as it is now, not when the trial is over
            executor.submit(trial, run)
            return trial
        return None

    def _finish(self, plan: Plan, event: Finished, progress: Progress) -> None:
        record = self._record(plan, event.trial, event.run, event.outcome)
        if isinstance(event.outcome, TrainingResult):
            keep_network(network_folder(self.models, record.key), event.run, event.outcome, record)
        self._keep(plan, event.trial, record, progress)

    def _keep(self, plan: Plan, trial: Trial, record: Record, progress: Progress) -> None:
        # the record before the journal: what is killed in between is not run again
        self.records.put(record)
        plan.told(trial, record)
        progress.finished(trial, record, plan.tally())

    def _record(
        self, plan: Plan, trial: Trial, run: RunConfig | None, outcome: TrainingResult | Failure
    ) -> Record:
        failed = isinstance(outcome, Failure)
        metrics: dict[str, Any] = {}
        if isinstance(outcome, TrainingResult):
            metrics = {**outcome.metrics, "git_commit": self._commits.pop(trial.key)}
        return Record(
            key=trial.key,
            state="failed" if failed else "complete",
            reason=outcome.reason if isinstance(outcome, Failure) else "",
            sweep=self.config.name,
            plan=plan.name,
            seed=trial.seed,
            point=asdict(trial.point),
            config=as_document(run) if run else {},
            data=self.data,
            metrics=metrics,
            history={} if isinstance(outcome, Failure) else outcome.history,
            finished=now(),
        )


def keep_network(folder: Path, run: RunConfig, trained: TrainingResult, record: Record) -> None:
    """The trained network's folder, as ``train`` makes it but with weights alone."""
    partial = folder.with_name(f".{folder.name}.partial")
    for old in (partial, folder):  # of a run whose record was never written
        shutil.rmtree(old, ignore_errors=True)
    partial.mkdir(parents=True)
    write_run_files(partial, run, trained.history, record.metrics)
    (partial / WEIGHTS).write_bytes(trained.weights)
    partial.rename(folder)


def seen_before(records: Records, trials: Iterator[Trial]) -> list[tuple[float, float]]:
    """Work and seconds of trials that have been run, to guess the time of others."""
    known = ((trial, records.get(trial.key)) for trial in trials)
    return [
        (trial.work, float(record.metrics["seconds"]))
        for trial, record in known
        if record and record.state == "complete"
    ]
