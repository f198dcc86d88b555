"""The one-factor plan on Optuna's journal."""

from optuna import Study, create_study
from optuna import Trial as OptunaTrial
from optuna.distributions import FloatDistribution
from optuna.storages import BaseStorage
from optuna.trial import TrialState, create_trial

from training.sweep.config import SweepConfig
from training.sweep.one_factor import distinct, one_factor
from training.sweep.plans import Tally
from training.sweep.point import HYPER_PARAMETERS
from training.sweep.records import Record, Records
from training.sweep.trial import Trial


class FactorPlan:
    """All trials of the plan that have no record yet, in its order.

    The records decide what is done; the journal follows them: a trial that a killed
    process left running is failed there, and run again.
    """

    name = "one-factor"

    def __init__(
        self,
        config: SweepConfig,
        storage: BaseStorage,
        records: Records,
        *,
        retry_failed: bool = False,
    ) -> None:
        self._trials = distinct(one_factor(config))
        self._records = records
        self._open: dict[str, OptunaTrial] = {}
        self._study = create_study(
            study_name=f"{config.name}-{self.name}",
            storage=storage,
            direction="maximize",
            load_if_exists=True,
        )
        self._known: dict[str, Record] = {}
        for trial in self._trials:
            record = records.get(trial.key)
            if record and record.state == "failed" and retry_failed:
                records.remove(trial.key)
            elif record:
                self._known[trial.key] = record
        self._reconcile()

    def _reconcile(self) -> None:
        for left in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(left.number, state=TrialState.FAIL)
        complete = told_keys(self._study)
        for trial in self._trials:
            record = self._known.get(trial.key)
            if record and record.state == "complete" and trial.key not in complete:
                distributions = _fixed(trial)
                self._study.add_trial(
                    create_trial(
                        params={name: d.low for name, d in distributions.items()},
                        distributions=dict(distributions),
                        value=record.accuracy,
                        user_attrs={"key": trial.key, "seed": trial.seed},
                    )
                )

    def next(self) -> Trial | None:
        for trial in self._trials:
            if trial.key not in self._known and trial.key not in self._open:
                asked = self._study.ask(dict(_fixed(trial)))
                asked.set_user_attr("key", trial.key)
                asked.set_user_attr("seed", trial.seed)
                self._open[trial.key] = asked
                return trial
        return None

    def told(self, trial: Trial, record: Record) -> None:
        asked = self._open.pop(trial.key)
        self._known[trial.key] = record
        if record.state == "complete":
            self._study.tell(asked, record.accuracy)
        else:
            asked.set_user_attr("reason", record.reason)
            self._study.tell(asked, state=TrialState.FAIL)

    def tally(self) -> Tally:
        failed = sum(record.state == "failed" for record in self._known.values())
        left = [trial for trial in self._trials if trial.key not in self._known]
        return Tally(
            len(self._known) - failed, failed, len(left), sum(trial.work for trial in left)
        )


def told_keys(study: Study) -> set[str]:
    """Keys of the trials that a study has a value for."""
    return {
        trial.user_attrs["key"]
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    }


def _fixed(trial: Trial) -> dict[str, FloatDistribution]:
    """Distributions of one value each: Optuna then keeps the point and samples nothing."""
    settings = trial.point.relevant()
    return {
        name: FloatDistribution(float(settings[name]), float(settings[name]))
        for name in HYPER_PARAMETERS
        if name in settings
    }
