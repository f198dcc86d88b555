"""An experiment, read from YAML: variants of one training configuration, and seeds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kws_edge.errors import ValidationErrors

Scalar = bool | int | float | str | None
Value = Scalar | tuple[str, ...] | tuple[dict[str, Scalar], ...]
# Values by dotted names: {"network.width": 40}. Besides the settings of a training configuration
# there are two derived ones (see `training.experiments.trials`): features.overlap and
# features.min_fft_length.
Overrides = dict[str, Value]

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, both included, in steps of ``step``; whole numbers where all
    three are whole.
    """

    low: float
    high: float
    step: float

    def __post_init__(self) -> None:
        faults = []
        if self.step <= 0:
            faults.append(f"step: {self.step:g} is not above 0")
        if self.high < self.low:
            faults.append(f"high: {self.high:g} is below low ({self.low:g})")
        if faults:
            raise ValidationErrors(faults)

    @property
    def whole(self) -> bool:
        return all(value.is_integer() for value in (self.low, self.high, self.step))


@dataclass(frozen=True)
class Search:
    """Optuna's search around the base of a group, with its first seed.

    ``tpe`` tries ``trials`` new configurations, random ones until ``startup_trials`` results
    are known, those of other plans included; ``grid`` tries every combination of ``space``.
    ``minimize`` are further metrics to keep low, beside the experiment's objective.
    """

    space: dict[str, Range | tuple[Value, ...]]
    sampler: Literal["tpe", "grid"] = "tpe"
    trials: int = 12
    startup_trials: int = 8
    seed: int = 0
    minimize: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {getattr(self, name)} is not above 0"
            for name in ("trials", "startup_trials")
            if getattr(self, name) <= 0
        ]
        if not self.space:
            faults.append("space: nothing to search")
        faults += [f"space.{name}: no values" for name, values in self.space.items() if not values]
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class Variant:
    """A named change to the base of a group. ``title`` is what tables call it; ``seeds`` are
    the group's where it names none.
    """

    name: str
    change: Overrides
    title: str = ""
    seeds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name == "base":
            raise ValidationErrors([f"name: {self.name!r} is no lower-case name, or is 'base'"])


@dataclass(frozen=True)
class Group:
    """A base, which is the experiment's with ``change``, and what is tried around it.

    Every seed trains the base and the variants; ``factors`` (values that a setting takes alone)
    and the search use the first seed. Groups of one ``comparison`` are compared with each
    other; results on different data must not be.
    """

    name: str
    title: str = ""
    base_title: str = "base"
    comparison: str = ""
    change: Overrides = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    variants: tuple[Variant, ...] = ()
    factors: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    search: Search | None = None

    def __post_init__(self) -> None:
        faults = []
        if not NAME.fullmatch(self.name):
            faults.append(f"name: {self.name!r} is no lower-case name")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            faults.append("seeds: expected at least one, each once")
        names = [variant.name for variant in self.variants]
        faults += [f"variants: {name!r} twice" for name in sorted(_twice(names))]
        faults += [f"factors.{name}: no values" for name, v in self.factors.items() if not v]
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class Resources:
    """What one trial asks of a Ray cluster; ``max_retries`` when its worker is lost."""

    num_cpus: float = 1.0
    num_gpus: float = 0.0
    max_retries: int = 3

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {getattr(self, name):g} is below 0"
            for name in ("num_cpus", "num_gpus", "max_retries")
            if getattr(self, name) < 0
        ]
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class Experiment:
    """``base`` is the path of a training configuration, from the folder of this file.

    ``change`` applies to all groups. ``metrics`` are columns of the results with their titles;
    the first one is the objective, and more of it is better. ``quantizations`` are those that
    ``experiment convert`` makes.
    """

    name: str
    base: Path
    groups: tuple[Group, ...]
    change: Overrides = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=lambda: {"validation_accuracy": "validation"})
    quantizations: tuple[Literal["float32", "float16", "dynamic", "int8"], ...] = (
        "float32",
        "dynamic",
        "int8",
    )
    resources: Resources = field(default_factory=Resources)

    def __post_init__(self) -> None:
        faults = []
        if not NAME.fullmatch(self.name):
            faults.append(f"name: {self.name!r} is no lower-case name")
        if not self.groups:
            faults.append("groups: expected at least one")
        names = [group.name for group in self.groups]
        faults += [f"groups: {name!r} twice" for name in sorted(_twice(names))]
        if not self.metrics:
            faults.append("metrics: expected at least the objective")
        if faults:
            raise ValidationErrors(faults)

    @property
    def objective(self) -> str:
        """The column that trials are chosen by."""
        return next(iter(self.metrics))

    def group(self, name: str) -> Group:
        return next(group for group in self.groups if group.name == name)

    def comparisons(self) -> list[str]:
        """The names of comparable sets of groups, in order."""
        return list(dict.fromkeys(group.comparison for group in self.groups))


def _twice(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def lookup(document: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted name in a document; None where it is not there."""
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
