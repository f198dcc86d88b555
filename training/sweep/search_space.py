"""A search's space and objectives in Optuna's terms."""

import hashlib
import json
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.study import StudyDirection

from training.sweep.config import WHOLE, Objective, RangeConfig, SearchConfig, SweepConfig
from training.sweep.records import Record

DIRECTIONS = {
    "accuracy": StudyDirection.MAXIMIZE,
    "latency": StudyDirection.MINIMIZE,
    "size": StudyDirection.MINIMIZE,
}


def distributions(search: SearchConfig) -> dict[str, BaseDistribution]:
    """What each hyper-parameter is drawn from."""
    return {name: _distribution(name, c) for name, c in search.space.choices().items()}


def _distribution(name: str, choice: RangeConfig | tuple[Any, ...]) -> BaseDistribution:
    if not isinstance(choice, RangeConfig):
        return CategoricalDistribution(choice)
    if name in WHOLE:
        return IntDistribution(int(choice.low), int(choice.high), step=int(choice.step))
    return FloatDistribution(choice.low, choice.high, step=choice.step)


def accepts(distribution: BaseDistribution, value: Any) -> bool:
    """Could this value have been drawn?"""
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return distribution._contains(distribution.to_internal_repr(value))


def identity(config: SweepConfig, search: SearchConfig) -> str:
    """8 hexadecimal digits for the space, the objectives and how the trials are trained.

    Optuna's study cannot change these: with others, another study goes on from the records.
    """
    space = {name: distribution_to_json(d) for name, d in distributions(search).items()}
    content = [space, search.objectives, config.base.relevant(), config.identity(), config.seeds[0]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def objective_value(record: Record, objective: Objective) -> float:
    """Validation accuracy, estimated latency in ms, or estimated size in KB."""
    if objective == "accuracy":
        return record.accuracy
    name = {"latency": "estimated_latency_ms", "size": "size_kb"}[objective]
    return float(record.metrics[name])
