"""From a sweep's configuration to a running sweep."""

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from optuna.storages import BaseStorage

from kws_edge.config.yaml_file import load
from kws_edge.errors import ConfigError
from training.config import RunConfig
from training.data.loading import fingerprint, load_split
from training.data.splits import Split
from training.sweep.config import SweepConfig
from training.sweep.executor import Executor
from training.sweep.factor_plan import FactorPlan
from training.sweep.journal import open_journal
from training.sweep.local import LocalExecutor
from training.sweep.one_factor import distinct, one_factor
from training.sweep.plans import Plan, Tally
from training.sweep.progress import on_stderr
from training.sweep.ray_cluster import RayExecutor
from training.sweep.records import Records
from training.sweep.runner import Sweep, seen_before
from training.sweep.search_plan import SearchPlan

PlanName = Literal["one-factor", "search"]


@dataclass(frozen=True)
class Request:
    """What the command was asked for; folders are made where they are missing.

    ``results`` gets the journal, ``runs/`` and a copy of the configuration; ``models``
    the trained networks; ``cache`` the features.
    """

    config: Path
    data: Path
    split_lists: Path | None
    results: Path
    models: Path
    cache: Path
    plan: PlanName = "one-factor"
    trials: int | None = None
    limit: int | None = None
    retry_failed: bool = False
    ray: str | None = None


def sweep(request: Request) -> Tally:
    """Run what is left of a sweep; how far it is then."""
    config = load(request.config, SweepConfig)
    split = load_split(_any_run(config), request.data, request.split_lists)
    records = Records(request.results)
    data = fingerprint(split)
    _same_data(records, config, data, request.results)
    with open_journal(request.results / f"{config.name}.journal") as storage:
        shutil.copyfile(request.config, request.results / f"{config.name}.yaml")
        plan = _plan(request, config, storage, records)
        with closing(_executor(request, config, split)) as executor:
            seen = seen_before(records, iter(distinct(one_factor(config))))
            with closing(on_stderr(executor.slots, seen)) as progress:
                sweep = Sweep(config, data, records, request.models)
                sweep.run(plan, executor, progress, request.limit)
        return plan.tally()


def _any_run(config: SweepConfig) -> RunConfig:
    """A run that stands for all where only the data matter: they do not depend on the seed."""
    return RunConfig(
        name=config.name,
        features=config.base.features(),
        seed=config.seeds[0],
        test=False,
        **config.training(),
    )


def _plan(request: Request, config: SweepConfig, storage: BaseStorage, records: Records) -> Plan:
    if request.plan == "search":
        if config.search is None:
            raise ConfigError(f"{request.config}: search: missing, so there is nothing to search")
        return SearchPlan(config, config.search, storage, records, request.trials)
    return FactorPlan(config, storage, records, retry_failed=request.retry_failed)


def _executor(request: Request, config: SweepConfig, split: Split) -> Executor:
    if request.ray:
        return RayExecutor(request.ray, config.resources, split, request.cache)
    return LocalExecutor(split, request.cache)


def _same_data(records: Records, config: SweepConfig, data: str, results: Path) -> None:
    for record in records:
        if record.config.get("split") == config.split and record.data != data:
            raise ConfigError(
                f"{results}: {record.key} was trained on other clips ({record.data}) than these"
                f" ({data}): use another --results folder"
            )
