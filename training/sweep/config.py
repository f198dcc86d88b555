"""What a sweep is made of, read from YAML (training/configs/sweep-*.yaml)."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from kws_edge.errors import ValidationErrors
from training.config import MINI_SPEECH_COMMANDS, OptimizerConfig
from training.sweep.point import HYPER_PARAMETERS, Point

# Hyper-parameters that count something.
WHOLE = ("num_mel_bins", "num_coefficients")
Objective = Literal["accuracy", "latency", "size"]


@dataclass(frozen=True)
class Factors:
    """The values that each hyper-parameter takes; one without values stays at the base."""

    frame_length_ms: tuple[float, ...] = ()
    overlap: tuple[float, ...] = ()
    num_mel_bins: tuple[int, ...] = ()
    lower_edge_hertz: tuple[float, ...] = ()
    upper_edge_hertz: tuple[float, ...] = ()
    num_coefficients: tuple[int, ...] = ()

    def values(self) -> dict[str, tuple[Any, ...]]:
        """Those that have values, by name."""
        return {name: getattr(self, name) for name in HYPER_PARAMETERS if getattr(self, name)}


@dataclass(frozen=True)
class RangeConfig:
    """From ``low`` to ``high``, both included, in steps of ``step``."""

    low: float
    high: float
    step: float

    def __post_init__(self) -> None:
        faults = []
        if self.step <= 0:
            faults.append(f"step: {self.step} is not above 0")
        if self.high < self.low:
            faults.append(f"high: {self.high} is below low ({self.low})")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class SearchSpace:
    """Where the search may go: a range, or the values listed; nothing: stays at the base."""

    frame_length_ms: RangeConfig | tuple[float, ...] = ()
    overlap: RangeConfig | tuple[float, ...] = ()
    num_mel_bins: RangeConfig | tuple[int, ...] = ()
    lower_edge_hertz: RangeConfig | tuple[float, ...] = ()
    upper_edge_hertz: RangeConfig | tuple[float, ...] = ()
    num_coefficients: RangeConfig | tuple[int, ...] = ()

    def __post_init__(self) -> None:
        ranges = {name: r for name in WHOLE if isinstance(r := getattr(self, name), RangeConfig)}
        faults = [
            f"{name}.{end}: found {getattr(found, end):g}, expected an integer"
            for name, found in ranges.items()
            for end in ("low", "high", "step")
            if not getattr(found, end).is_integer()
        ]
        if faults:
            raise ValidationErrors(faults)

    def choices(self) -> dict[str, RangeConfig | tuple[Any, ...]]:
        """Those that are searched, by name."""
        return {name: getattr(self, name) for name in HYPER_PARAMETERS if getattr(self, name)}


@dataclass(frozen=True)
class SearchConfig:
    """Optuna's search: ``trials`` new configurations, of which the first are random until
    ``startup_trials`` results are known, those of other plans in the same folder included.
    """

    space: SearchSpace
    trials: int = 12
    startup_trials: int = 8
    seed: int = 0
    objectives: tuple[Objective, ...] = ("accuracy",)

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {getattr(self, name)} is not above 0"
            for name in ("trials", "startup_trials")
            if getattr(self, name) <= 0
        ]
        if not self.space.choices():
            faults.append("space: nothing to search")
        if not self.objectives or len(set(self.objectives)) != len(self.objectives):
            faults.append("objectives: expected at least one, each once")
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
            f"{name}: {getattr(self, name)} is below 0"
            for name in ("num_cpus", "num_gpus", "max_retries")
            if getattr(self, name) < 0
        ]
        if faults:
            raise ValidationErrors(faults)


BASE_NAME = "the base point"


@dataclass(frozen=True)
class SweepConfig:
    """A sweep around ``base``, which reports call ``base_name``. Every seed trains the base
    point, to know the noise; all other points are trained with the first. The rest is as in
    `RunConfig`.
    """

    name: str
    base: Point
    factors: Factors
    base_name: str = BASE_NAME
    search: SearchConfig | None = None
    seeds: tuple[int, ...] = (0,)
    labels: tuple[str, ...] = MINI_SPEECH_COMMANDS
    split: Literal["official", "lists"] = "official"
    allow_leaks: bool = False
    architecture: Literal["lab_cnn"] = "lab_cnn"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    resources: Resources = field(default_factory=Resources)

    def __post_init__(self) -> None:
        faults = []
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            faults.append("seeds: expected at least one, each once")
        if not self.name or "/" in self.name:
            faults.append(f"name: {self.name!r} cannot name a file")
        unused = set(HYPER_PARAMETERS) - set(self.base.relevant())
        searched = self.search.space.choices() if self.search else {}
        for where, names in (("factors", self.factors.values()), ("search.space", searched)):
            faults += [
                f"{where}.{name}: features of kind {self.base.kind} do not depend on it"
                for name in sorted(unused.intersection(names))
            ]
        try:
            self.base.features()
        except ValidationErrors as error:
            faults += [f"base.{fault}" for fault in error.faults]
        if faults:
            raise ValidationErrors(faults)

    def training(self) -> dict[str, Any]:
        """What a run takes from the sweep besides its front end and seed."""
        names = ("labels", "split", "allow_leaks", "architecture", "optimizer")
        return {name: getattr(self, name) for name in names}

    def identity(self) -> dict[str, Any]:
        """The part of `training` that makes a run another one, as plain data."""
        settings = dataclasses.asdict(self)
        return {name: settings[name] for name in self.training() if name != "allow_leaks"}
