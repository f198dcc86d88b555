"""Which trials run next: the given ones in their order, or what an Optuna sampler proposes.

The table of results is the only memory. A search fills an Optuna study in this process with what
the table holds, so it continues after a kill, and learns from trials of other plans.
"""

import itertools
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from training.experiments.experiment import (
    Experiment,
    Group,
    Search,
    SearchRange,
    Trial,
    Value,
    base_settings,
    make_trial,
)
from training.experiments.results import ResultRow, Results

log = logging.getLogger(__name__)
PATIENCE = 20  # proposals in a row that were tried before, and then random ones
MOST_REPEATS = 400  # proposals in a row that were tried before: the space is exhausted


@dataclass(frozen=True)
class Tally:
    """Trials that are complete, that failed, and that are left."""

    done: int
    failed: int
    left: int


class Plan(Protocol):
    """Hands out trials and learns their results."""

    def next(self) -> Trial | None:
        """The next trial to run; None when none is left that may start now."""

    def recorded(self, trial: Trial, row: ResultRow) -> None:
        """A trial that was handed out is in the table now."""

    def tally(self) -> Tally: ...


class GivenPlan:
    """All trials of a list that the table does not have yet, in order."""

    def __init__(self, trials: Sequence[Trial], results: Results, *, retry_failed: bool) -> None:
        self._trials, self._results = trials, results
        self._started: set[str] = set()
        for trial in trials:
            if retry_failed and results.state(trial.key) == "failed":
                results.remove(trial.key)

    def next(self) -> Trial | None:
        for trial in self._trials:
            if trial.key not in self._started and not self._results.state(trial.key):
                self._started.add(trial.key)
                return trial
        return None

    def recorded(self, trial: Trial, row: ResultRow) -> None:
        pass

    def tally(self) -> Tally:
        states = [self._results.state(trial.key) for trial in self._trials]
        return Tally(states.count("complete"), states.count("failed"), states.count(""))


class SearchPlan:
    """Optuna's search around the base of a group."""

    def __init__(
        self,
        experiment: Experiment,
        group: Group,
        search: Search,
        document: Mapping[str, Any],
        results: Results,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._group, self._search, self._results = group, search, results
        self._metrics = (experiment.objective, *search.minimize)
        self._base = base_settings(experiment, group, document)
        self._space = {name: _distribution(v, search) for name, v in search.space.items()}
        self._open: dict[str, optuna.Trial] = {}
        down = [optuna.study.StudyDirection.MINIMIZE] * len(search.minimize)
        directions = [optuna.study.StudyDirection.MAXIMIZE, *down]
        self._study = optuna.create_study(directions=directions)
        grid = {name: list(_values(values)) for name, values in search.space.items()}
        self._grid = optuna.samplers.GridSampler(grid, seed=search.seed)
        self._wanted = search.trials
        if search.sampler == "grid":
            self._wanted = len(list(itertools.product(*grid.values())))
        for row in results:
            self._learn(row)

    def _learn(self, row: ResultRow) -> None:
        """Take a row of the table for a trial of this study, where it is inside the space."""
        params = self._params(row)
        if params is None:
            return
        complete = row["state"] == "complete"
        own = {"key": row["trial"], "own": row["plan"] == "search"}
        if any(trial.user_attrs.get("key") == row["trial"] for trial in self._trials()):
            return  # another model of the same trial
        self._study.add_trial(
            create_trial(
                params=params,
                distributions=self._space,
                values=[row.need(metric) for metric in self._metrics] if complete else None,
                state=TrialState.COMPLETE if complete else TrialState.FAIL,
                user_attrs=own,
            )
        )

    def _params(self, row: ResultRow) -> dict[str, Any] | None:
        if row["group"] != self._group.name:
            return None
        params = {name: _parsed(d, row[name]) for name, d in self._space.items()}
        return params if self._trial(params).key == row["trial"] else None

    def next(self) -> Trial | None:
        for repeats in range(MOST_REPEATS):
            if self._complete() + len(self._open) >= self._wanted or self._exhausted():
                return None
            asked = self._ask(repeats)
            trial = self._trial(asked.params)
            if not self._results.state(trial.key) and trial.key not in self._open:
                asked.set_user_attr("key", trial.key)
                self._open[trial.key] = asked
                return trial
            # not reported again: one result many times over would draw the search to it
            asked.set_user_attr("repeats", trial.key)
            self._study.tell(asked, state=TrialState.FAIL)
        log.warning("the search has proposed %d known trials in a row: it ends", MOST_REPEATS)
        return None

    def recorded(self, trial: Trial, row: ResultRow) -> None:
        asked = self._open.pop(trial.key)
        asked.set_user_attr("own", True)
        if row["state"] == "complete":
            self._study.tell(asked, [row.need(metric) for metric in self._metrics])
        else:
            self._study.tell(asked, state=TrialState.FAIL)

    def tally(self) -> Tally:
        failed = [t for t in self._trials() if t.state == TrialState.FAIL and _own(t)]
        done = self._complete()
        grid = self._search.sampler == "grid"
        left = self._wanted - done - (len(failed) if grid else 0)
        return Tally(done, len(failed), max(0, left))

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _complete(self) -> int:
        found = [t for t in self._trials() if t.state == TrialState.COMPLETE]
        # every point of a grid counts, whichever plan ran it; a search counts its own proposals
        return sum(_own(trial) or self._search.sampler == "grid" for trial in found)

    def _exhausted(self) -> bool:
        return self._search.sampler == "grid" and self._grid.is_exhausted(self._study)

    def _ask(self, repeats: int) -> optuna.Trial:
        """The next proposal, from a sampler of its own, so that a resumed search proposes what an
        uninterrupted one would; at random after many repeats, since TPE does not learn from
        refused configurations and may insist on them.
        """
        if self._search.sampler == "grid":
            self._study.sampler = self._grid
            return self._study.ask(self._space)
        seed = self._search.seed * 10_000 + len(self._trials())
        if repeats >= PATIENCE:
            self._study.sampler = optuna.samplers.RandomSampler(seed=seed)
            return self._study.ask(self._space)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=self._search.startup_trials,
                seed=seed,
                multivariate=True,
                constant_liar=True,  # trials that run at the same time keep apart
            )
        return self._study.ask(self._space)

    def _trial(self, params: Mapping[str, Any]) -> Trial:
        settings = {**self._base, **params}
        return make_trial(self._group, "search", "", settings, self._group.seeds[0])


def _own(trial: FrozenTrial) -> bool:
    return bool(trial.user_attrs.get("own"))


def _values(values: SearchRange | tuple[Value, ...]) -> Sequence[Any]:
    if not isinstance(values, SearchRange):
        return values
    count = int((values.high - values.low) / values.step + 1e-9) + 1
    found = [values.low + place * values.step for place in range(count)]
    return [int(value) for value in found] if values.whole else found


def _distribution(values: SearchRange | tuple[Value, ...], search: Search) -> BaseDistribution:
    if search.sampler == "grid" or not isinstance(values, SearchRange):
        return CategoricalDistribution(list(_values(values)))
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), step=int(values.step))
    return FloatDistribution(values.low, values.high, step=values.step)


def _parsed(distribution: BaseDistribution, text: str) -> Any:
    """The value of a cell as the distribution has it; the text where it has none such."""
    if isinstance(distribution, CategoricalDistribution):
        return next((c for c in distribution.choices if _same(c, text)), text)
    try:
        return int(text) if isinstance(distribution, IntDistribution) else float(text)
    except ValueError:
        return text


def _same(choice: Any, text: str) -> bool:
    try:
        return bool(float(choice) == float(text))
    except (TypeError, ValueError):
        return str(choice) == text
