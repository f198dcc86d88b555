"""Optuna's search as a plan: each trial proposed from the results known so far."""

import logging
import warnings
from typing import Any

import optuna
from optuna import Trial as OptunaTrial
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from training.sweep.config import SearchConfig, SweepConfig
from training.sweep.plans import Tally
from training.sweep.point import Point
from training.sweep.records import Record, Records
from training.sweep.search_space import (
    DIRECTIONS,
    accepts,
    distributions,
    identity,
    objective_value,
)
from training.sweep.trial import Trial, make_trial

log = logging.getLogger(__name__)

# A space may be smaller than the number of trials: so many known points in a row end it.
MOST_REPEATS = 50


class SearchPlan:
    """Tree-structured Parzen estimators (Bergstra 2011; for several objectives Ozaki 2020).

    It learns from every record of the same training settings whose point lies in the space,
    whoever made it. A trial's proposal depends on the seed, the results known and how many
    trials were proposed before, not on when the search was interrupted.
    """

    name = "search"

    def __init__(
        self,
        config: SweepConfig,
        search: SearchConfig,
        storage: BaseStorage,
        records: Records,
        trials: int | None = None,
    ) -> None:
        self._config, self._search, self._records = config, search, records
        self._wanted = trials or search.trials
        self._space = distributions(search)
        self._open: dict[str, OptunaTrial] = {}
        self._study = optuna.create_study(
            study_name=f"{config.name}-{self.name}-{identity(config, search)}",
            storage=storage,
            directions=[DIRECTIONS[name] for name in search.objectives],
            load_if_exists=True,
        )
        self._take_up()

    def _take_up(self) -> None:
        """Propose again what a killed process left running; learn what it did not tell."""
        for left in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(left.number, state=TrialState.FAIL)
            trial = self._trial(left.params) if left.params.keys() == self._space.keys() else None
            if trial and not self._records.get(trial.key):
                self._study.enqueue_trial(left.params)
        known = {trial.user_attrs.get("key") for trial in self._told()}
        for record in self._records:
            if record.key not in known and (params := self._params_of(record)):
                self._study.add_trial(
                    create_trial(
                        params=params,
                        distributions=self._space,
                        values=self._values(record),
                        user_attrs={"key": record.key, "source": record.plan},
                    )
                )

    def next(self) -> Trial | None:
        for _ in range(MOST_REPEATS):
            if len(self._found()) + len(self._open) >= self._wanted:
                return None
            asked = self._ask()
            trial = self._trial(asked.params)
            record = self._records.get(trial.key)
            asked.set_user_attr("key", trial.key)
            if not record and trial.key not in self._open:
                self._open[trial.key] = asked
                return trial
            # not told again: the same result many times over would draw the search to it
            asked.set_user_attr("repeats", trial.key)
            self._study.tell(asked, state=TrialState.FAIL)
        log.warning("the search has seen the last %d proposals before: it ends", MOST_REPEATS)
        return None

    def told(self, trial: Trial, record: Record) -> None:
        asked = self._open.pop(trial.key)
        asked.set_user_attr("source", self.name)
        self._tell(asked, record)

    def tally(self) -> Tally:
        failed = {
            trial.user_attrs["key"]
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
            if "reason" in trial.user_attrs
        }
        found = self._found()
        left = max(0, self._wanted - len(found))
        works = [self._trial(trial.params).work for trial in self._told()] or [0.0]
        return Tally(len(found), len(failed), left, left * sum(works) / len(works))

    def _told(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def _found(self) -> set[str]:
        return {
            trial.user_attrs["key"]
            for trial in self._told()
            if trial.user_attrs["source"] == self.name
        }

    def _ask(self) -> OptunaTrial:
        """The next proposal, from a sampler of its own so that a resumed search goes on as
        one that was never stopped.
        """
        proposed = sum(map(_counts, self._study.get_trials(deepcopy=False)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=self._search.startup_trials,
                seed=self._search.seed * 10_000 + proposed,
                multivariate=True,
                # trials that run at the same time keep away from each other
                constant_liar=True,
            )
        return self._study.ask(self._space)

    def _tell(self, asked: OptunaTrial, record: Record) -> None:
        if record.state == "complete":
            self._study.tell(asked, self._values(record))
        else:
            asked.set_user_attr("reason", record.reason)
            self._study.tell(asked, state=TrialState.FAIL)

    def _trial(self, params: dict[str, Any]) -> Trial:
        return make_trial(self._config, self._config.base.moved(**params), self._config.seeds[0])

    def _values(self, record: Record) -> list[float]:
        return [objective_value(record, name) for name in self._search.objectives]

    def _params_of(self, record: Record) -> dict[str, Any] | None:
        """The parameters that lead to a record's trial, where it is one of this search."""
        if record.state != "complete" or record.seed != self._config.seeds[0]:
            return None
        point = Point(**record.point)
        params = {name: getattr(point, name) for name in self._space}
        inside = all(accepts(self._space[name], value) for name, value in params.items())
        return params if inside and self._trial(params).key == record.key else None


def _counts(trial: FrozenTrial) -> bool:
    """Was this proposed by a search that went on, rather than one that was interrupted?"""
    if trial.state == TrialState.FAIL:
        return "reason" in trial.user_attrs or "repeats" in trial.user_attrs
    return trial.state in (TrialState.COMPLETE, TrialState.RUNNING)
