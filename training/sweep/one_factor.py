"""The plan of the analysis: the base point, and each hyper-parameter changed alone."""

from dataclasses import dataclass
from typing import Any

from training.sweep.config import SweepConfig
from training.sweep.trial import Trial, make_trial


@dataclass(frozen=True)
class Planned:
    """A trial and what it is there for: ``factor`` set to ``value``, or ``base``."""

    trial: Trial
    factor: str
    value: Any


def one_factor(config: SweepConfig) -> list[Planned]:
    """The base point first, then its other seeds and each value of each factor, by their work.

    A factor's value at the base point is that point's trial, which is listed again under
    that factor: a trial may be there for several factors and is run once.
    """
    seeds = [Planned(make_trial(config, config.base, seed), "base", seed) for seed in config.seeds]
    varied = [
        Planned(
            make_trial(config, config.base.moved(**{factor: value}), config.seeds[0]),
            factor,
            value,
        )
        for factor, values in config.factors.values().items()
        for value in values
    ]
    first, *rest = seeds + varied
    # the cheapest first: most of the answers are then there early
    return [first, *sorted(rest, key=lambda planned: planned.trial.work)]


def distinct(plan: list[Planned]) -> list[Trial]:
    """The trials of a plan in its order, each once."""
    return list({planned.trial.key: planned.trial for planned in plan}.values())
