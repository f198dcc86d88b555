"""What each hyper-parameter does alone: the one-factor plan's results."""

from dataclasses import dataclass

from training.report.load import Study
from training.report.noise import LEVEL, SeedNoise
from training.report.run import Run
from training.sweep.one_factor import one_factor
from training.sweep.point import HYPER_PARAMETERS


@dataclass(frozen=True)
class Effect:
    """Of ``parameter`` on features of ``kind``: the run of each value that has a result, by
    value; ``planned`` values; ``base`` is the base point's.
    """

    kind: str
    parameter: str
    planned: int
    base: float
    runs: dict[float, Run]

    @property
    def accuracies(self) -> list[float]:
        return [run.validation.value for run in self.runs.values()]

    @property
    def range(self) -> float:
        """Of validation accuracy, in 0 to 1."""
        return max(self.accuracies) - min(self.accuracies)

    @property
    def best(self) -> float:
        """The value with the highest accuracy."""
        return max(self.runs, key=lambda value: self.runs[value].validation.value)

    @property
    def worst(self) -> float:
        return min(self.runs, key=lambda value: self.runs[value].validation.value)

    def matters(self, noise: SeedNoise) -> bool:
        """Is the range more than seeds alone give?"""
        p = noise.p_of_range(self.accuracies)
        return p is not None and p < LEVEL

    def latencies(self) -> list[float]:
        """Of features and float32 model together, ms, where all were timed."""
        timings = [run.timings.get("float32") for run in self.runs.values()]
        return [t.sum.median_ms for t in timings if t] if all(timings) else []


def effects(study: Study) -> list[Effect]:
    """Those with two values or more, the widest range first."""
    by_key = {run.key: run for run in study.runs}
    found = []
    for config in study.sweeps:
        plan = one_factor(config)
        for parameter in HYPER_PARAMETERS:
            planned = [p for p in plan if p.factor == parameter]
            there = {p.value: by_key[p.trial.key] for p in planned if p.trial.key in by_key}
            if len(there) > 1:
                base = getattr(config.base, parameter)
                runs = dict(sorted(there.items()))
                found.append(Effect(config.base.kind, parameter, len(planned), base, runs))
    return sorted(found, key=lambda effect: -effect.range)
