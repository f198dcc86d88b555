"""An experiment, read from YAML: variants of one training configuration, seeds, and trials.

A trial has settings and a seed, and leads to one configuration.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kws_edge.errors import ValidationErrors

Scalar = bool | int | float | str | None
Value = Scalar | tuple[str, ...] | tuple[dict[str, Scalar], ...]
# Values by dotted names: {"network.width": 40}. Besides the settings of a training configuration
# there are two derived ones (see `training.experiments.experiment`): features.overlap and
# features.min_fft_length.
Overrides = dict[str, Value]

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True)
class SearchRange:
    """From ``low`` to ``high``, both included, in steps of ``step``; whole numbers where all
    three are whole.
    """

    low: float
    high: float
    step: float

    def __post_init__(self) -> None:
        faults = []
        if not self.step > 0:  # nor nan
            faults.append(f"step: {self.step:g} is not above 0")
        if not self.low <= self.high:
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

    space: dict[str, SearchRange | tuple[Value, ...]]
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


OVERLAP, MIN_FFT = "features.overlap", "features.min_fft_length"
BASE = "base"


@dataclass(frozen=True)
class Trial:
    """``settings`` (every override that leads to it) trained with ``seed``.

    ``key`` is the same for the same settings and seed of a group. ``variant`` is ``base``, the
    name of a variant, ``setting=value`` of a factor, or empty for a configuration of the search.
    """

    key: str
    group: str
    plan: str
    variant: str
    settings: Overrides
    seed: int

    def __str__(self) -> str:
        return f"{self.group} {self.variant or self.key}, seed {self.seed}"


@dataclass(frozen=True)
class Planned:
    """A trial and why it is there: the base, a variant, or ``factor`` set to a value."""

    trial: Trial
    factor: str = ""


def base_settings(experiment: Experiment, group: Group, document: Mapping[str, Any]) -> Overrides:
    """The group's overrides, with the base's own value of all that its factors and search vary,
    so that a factor's value at the base is the base itself.
    """
    settings: Overrides = {**experiment.change, **group.change}
    varied = [*group.factors, *(group.search.space if group.search else ())]
    for name in varied:
        if name not in settings:
            settings[name] = _of_base(document, settings, name)
    return settings


def _of_base(document: Mapping[str, Any], settings: Overrides, name: str) -> Value:
    """The base's own value of a setting, derived ones included."""

    def value(of: str) -> Any:
        return settings.get(of, lookup(document, of))

    if name == OVERLAP:
        return round(1 - value("features.frame_step_ms") / value("features.frame_length_ms"), 6)
    found: Value = 0 if name == MIN_FFT else value(name)
    return found


def make_trial(group: Group, plan: str, variant: str, settings: Overrides, seed: int) -> Trial:
    """A trial whose key is made of its settings and seed."""
    content = json.dumps([_plain(dict(settings)), seed], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Trial(f"{group.name}-{digest}", group.name, plan, variant, dict(settings), seed)


def _plain(value: Any) -> Any:
    """2 and 2.0 are the same setting."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def planned(experiment: Experiment, document: Mapping[str, Any]) -> list[Planned]:
    """All trials that need no search: seed by seed, the bases first.

    A trial may stand for several factors, since each has the base among its values; it has one
    key and runs once.
    """
    found: list[tuple[int, Planned]] = []
    for group in experiment.groups:
        base = base_settings(experiment, group, document)
        for place, seed in enumerate(group.seeds):
            found.append((place, Planned(make_trial(group, "base", BASE, base, seed))))
        for variant in group.variants:
            settings = {**base, **variant.change}
            for place, seed in enumerate(variant.seeds or group.seeds):
                trial = make_trial(group, "variants", variant.name, settings, seed)
                found.append((place, Planned(trial)))
        for factor, values in group.factors.items():
            for value in values:
                name = f"{factor.rpartition('.')[2]}={value}"
                trial = make_trial(group, "factors", name, {**base, factor: value}, group.seeds[0])
                found.append((0, Planned(trial, factor)))
    found.sort(key=lambda item: item[0])  # stable: the order of the file within a seed
    return [one for _, one in found]


def distinct(plan: list[Planned]) -> list[Trial]:
    """The trials of a plan in its order, each once, as what it is first."""
    first: dict[str, Trial] = {}
    for one in plan:
        first.setdefault(one.trial.key, one.trial)
    return list(first.values())


def resolved(settings: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides in the terms of a training configuration.

    ``features.overlap`` is the part of a frame (0 to below 1) that the next one repeats: it
    becomes the step. ``features.min_fft_length`` zero-pads frames shorter than so many samples;
    longer ones keep an FFT of their own length.
    """
    plain = {n: _listed(v) for n, v in settings.items() if n not in (OVERLAP, MIN_FFT)}

    def value(name: str, default: float) -> float:
        found = plain.get(name, lookup(document, name))
        return float(default if found is None else found)

    length_ms = value("features.frame_length_ms", 40.0)
    if OVERLAP in settings:
        step = length_ms * (1 - float(settings[OVERLAP]))
        plain["features.frame_step_ms"] = round(step, 6)
    if MIN_FFT in settings:
        samples = round(length_ms * value("features.sample_rate", 16000) / 1000)
        longest = int(settings[MIN_FFT])
        plain["features.fft_length"] = "frame_length" if samples >= longest else longest
    return plain


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
