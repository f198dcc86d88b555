"""Run what an experiment has left: hand out trials, train them, put the results in the table."""

import copy
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import read_yaml
from kws_edge.errors import ConfigError, KwsEdgeError
from training.config import DataConfig, TrainingConfig, with_overrides
from training.experiments.executors import (
    DataFolders,
    Executor,
    Failure,
    Finished,
    Job,
    LocalExecutor,
    RayExecutor,
)
from training.experiments.experiment import (
    BASE,
    Experiment,
    Group,
    Trial,
    base_settings,
    distinct,
    make_trial,
    planned,
    resolved,
)
from training.experiments.optuna_plan import GivenPlan, Plan, SearchPlan, Tally
from training.experiments.results import Cell, ResultRow, Results, load_experiment, now, row_of
from training.train.run import WEIGHTS, TrainingResult, git_commit, write_run_files

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """``folder`` gets ``config.yaml``, ``base.yaml``, ``results.csv`` and ``networks/``."""

    config: Path
    folder: Path
    recordings: DataFolders
    plan: str = "all"  # or "given", "search"
    groups: tuple[str, ...] = ()
    limit: int | None = None
    retry_failed: bool = False
    ray: str | None = None


def run(request: Request, say: Say) -> Tally:
    """Run what is left; how far the experiment is then. ``say`` receives progress lines.

    Raises `ConfigError` for an experiment that cannot run, that runs in another process, or whose
    table has trials on other clips.
    """
    experiment, document = load_experiment(request.config)
    groups = _chosen(experiment, request.groups)
    results = Results(request.folder)
    with results.locked():
        refuse_other_clips(experiment, document, request.recordings, results)
        keep_config(request.config, request.folder)
        plans: list[Plan] = []
        if request.plan != "search":
            trials = distinct(planned(experiment, document))
            own = [trial for trial in trials if trial.group in {group.name for group in groups}]
            plans.append(GivenPlan(own, results, retry_failed=request.retry_failed))
        searches = [group for group in groups if group.search and request.plan != "given"]
        if request.plan == "search" and not searches:
            raise ConfigError(f"{request.config}: no group has a search")
        executor: Executor = (
            RayExecutor(request.ray, experiment.resources, request.recordings)
            if request.ray
            else LocalExecutor(request.recordings)
        )
        with closing(executor):
            fingerprint = request.recordings.fingerprint
            runner = Runner(experiment, document, request.folder, results, say, fingerprint)
            limit = runner.run(plans[0], executor, request.limit) if plans else request.limit
            for group in searches:
                # made only now: a search learns from all trials before it
                assert group.search
                search = SearchPlan(experiment, group, group.search, document, results)
                plans.append(search)
                limit = runner.run(search, executor, limit)
    tallies = [plan.tally() for plan in plans]
    return Tally(*(sum(getattr(t, name) for t in tallies) for name in ("done", "failed", "left")))


def _chosen(experiment: Experiment, names: tuple[str, ...]) -> list[Group]:
    known = [group.name for group in experiment.groups]
    if unknown := sorted(set(names) - set(known)):
        raise ConfigError(f"--group {unknown[0]}: the experiment has {', '.join(known)}")
    return [group for group in experiment.groups if not names or group.name in names]


def refuse_other_clips(
    experiment: Experiment, document: Mapping[str, Any], recordings: DataFolders, results: Results
) -> None:
    """Raise `ConfigError` where the table has a trial on other clips than ``recordings`` has.

    Rows without a fingerprint, of tables made before there was one, are not refused.
    """
    plan = {trial.key: trial for trial in distinct(planned(experiment, document))}
    groups = {group.name: group for group in experiment.groups}
    found: dict[DataConfig, str] = {}
    for row in results:
        group = groups.get(row["group"])
        if group is None or not row["clips_id"]:
            continue
        trial = plan.get(row["trial"])
        if row["plan"] == "search" and not _searches_data(group):
            base = base_settings(experiment, group, document)
            trial = make_trial(group, "base", BASE, base, group.seeds[0])
        if trial is None:  # the experiment does not plan it any more
            continue
        config = job_of(experiment, document, group, trial).config
        if config.data not in found:
            found[config.data] = recordings.fingerprint(config)
        if found[config.data] != row["clips_id"]:
            raise ConfigError(
                f"{results.path}: trial {row['trial']} had other clips than those in"
                f" {recordings.data}; choose another folder with --study"
            )


def _searches_data(group: Group) -> bool:
    return any(name.startswith("data.") for name in (group.search.space if group.search else ()))


def keep_config(config: Path, folder: Path) -> None:
    """The experiment and its base beside the results, which are then complete by themselves."""
    if config.resolve() == (folder / "config.yaml").resolve():
        return
    document = read_yaml(config)
    shutil.copyfile(config.parent / document["base"], folder / "base.yaml")
    document["base"] = "base.yaml"
    (folder / "config.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def job_of(experiment: Experiment, document: Mapping[str, Any], group: Group, trial: Trial) -> Job:
    """The configurations of a trial. Raises `ValidationErrors` where there is none such."""

    def config(one: Trial) -> TrainingConfig:
        changes = {"name": one.key, "schedule.seed": one.seed}
        settings = {**resolved(one.settings, document), **changes}
        return parse(TrainingConfig, with_overrides(copy.deepcopy(dict(document)), settings))

    own = config(trial)
    base = make_trial(group, "base", "base", base_settings(experiment, group, document), trial.seed)
    # variants with other windows are compared on those of the base
    judge = None if own.plain_clips or base.key == trial.key else config(base)
    return Job(trial, own, judge)


@dataclass(frozen=True)
class _Begun:
    """When a trial began, by which commit and on which clips."""

    monotonic_s: float
    commit: str
    clips_id: str = ""


class Runner:
    """The loop over one plan after the other, on one table."""

    def __init__(
        self,
        experiment: Experiment,
        document: Mapping[str, Any],
        folder: Path,
        results: Results,
        say: Say,
        fingerprint: Callable[[TrainingConfig], str] = lambda _: "",
    ) -> None:
        self._experiment, self._document = experiment, document
        self._folder, self._results, self._say = folder, results, say
        self._fingerprint = fingerprint
        self._started: dict[str, _Begun] = {}
        self._seconds: list[float] = []

    def run(self, plan: Plan, executor: Executor, limit: int | None = None) -> int | None:
        """Run at most ``limit`` trials of ``plan``; what is left of the limit."""
        running = 0
        while True:
            while running < executor.slots and limit != 0:
                if not self._start(plan, executor):
                    break
                running, limit = running + 1, None if limit is None else limit - 1
            if not running:
                return limit
            event = executor.wait()
            if isinstance(event, Finished):
                running -= 1
                self._finish(plan, event, executor.slots)
            elif sys.stderr.isatty():
                self._say(event)

    def _start(self, plan: Plan, executor: Executor) -> bool:
        """Submit the next trial that can run; those that cannot are recorded at once."""
        while trial := plan.next():
            try:
                group = self._experiment.group(trial.group)
                job = job_of(self._experiment, self._document, group, trial)
                clips_id = self._fingerprint(job.config)
            except KwsEdgeError as error:  # also of recordings that are not there
                self._record(plan, trial, Failure(str(error)), 1)
                continue
            self._say(f"start {trial}: {trial.key}")
            self._started[trial.key] = _Begun(time.monotonic(), git_commit(), clips_id)
            executor.submit(job)
            return True
        return False

    def _finish(self, plan: Plan, event: Finished, slots: int) -> None:
        if isinstance(event.outcome, TrainingResult):
            commit = self._started[event.job.trial.key].commit
            event.outcome.metrics["git_commit"] = commit
            keep_network(self._folder / "networks" / event.job.trial.key, event)
        self._record(plan, event.job.trial, event.outcome, slots)

    def _record(
        self, plan: Plan, trial: Trial, outcome: TrainingResult | Failure, slots: int
    ) -> None:
        begun = self._started.pop(trial.key, None) or _Begun(time.monotonic(), git_commit())
        row = trial_row(trial, outcome, begun.commit).with_(clips_id=begun.clips_id)
        self._results.put(row)
        plan.recorded(trial, row)
        tally = plan.tally()
        if isinstance(outcome, Failure):
            what = f"FAILED: {outcome.reason}"
        else:
            self._seconds.append(time.monotonic() - begun.monotonic_s)
            objective = self._experiment.objective
            what = f"{objective} {row.need(objective):.4f} in {self._seconds[-1]:.0f} s"
        minutes = sum(self._seconds) / max(1, len(self._seconds)) * tally.left / slots / 60
        state = f"{tally.done} done, {tally.failed} failed, {tally.left} left"
        self._say(f"{state} (about {minutes:.0f} min) | {trial}: {what}")


def trial_row(trial: Trial, outcome: TrainingResult | Failure, commit: str) -> ResultRow:
    """The row of a trial, before any conversion."""
    values: dict[str, Cell] = {
        "trial": trial.key,
        "model": "",
        "group": trial.group,
        "plan": trial.plan,
        "variant": trial.variant,
        "seed": trial.seed,
        "state": "failed" if isinstance(outcome, Failure) else "complete",
        "reason": outcome.reason if isinstance(outcome, Failure) else "",
        **{name: _cell(value) for name, value in trial.settings.items()},
    }
    if isinstance(outcome, TrainingResult):
        values |= _flat(outcome.metrics)
    return row_of({**values, "git_commit": commit[:12], "finished": now()})


def _flat(metrics: Mapping[str, Any], before: str = "") -> dict[str, Cell]:
    """Nested metrics as columns with dotted names."""
    found: dict[str, Cell] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = _cell(value)
    return found


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, (str, int, float)) else json.dumps(value)


def keep_network(folder: Path, event: Finished) -> None:
    """The trained network as a run folder, complete or not there at all."""
    assert isinstance(event.outcome, TrainingResult)
    partial = folder.with_name(f".{folder.name}.partial")
    for old in (partial, folder):  # of a run whose row was never written
        shutil.rmtree(old, ignore_errors=True)
    partial.mkdir(parents=True)
    write_run_files(partial, event.job.config, event.outcome.history, event.outcome.metrics)
    (partial / WEIGHTS).write_bytes(event.outcome.weights)
    partial.rename(folder)
