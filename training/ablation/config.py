"""What is changed, read from YAML (training/configs/ablation.yaml)."""

import copy
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kws_edge.config.schema import parse
from kws_edge.config.yaml_file import read_yaml
from kws_edge.errors import ConfigError, ValidationErrors
from training.train.recipe import Recipe

Value = bool | int | float | str | None | tuple[str, ...] | tuple[dict[str, str], ...]
Changes = dict[str, Value]


@dataclass(frozen=True)
class Variant:
    """``change`` sets the recipe's values by dotted names (``network.width: 32``); ``says`` is
    the change in words."""

    name: str
    says: str
    change: Changes = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", self.name):
            raise ValidationErrors([f"name: {self.name!r} has more than a-z, 0-9, - and _"])

    @property
    def is_network(self) -> bool:
        """Another network, by the same training; the unchanged recipe is one of them."""
        return all(name.startswith("network.") for name in self.change)


@dataclass(frozen=True)
class Ablation:
    """``change`` is made to the recipe for all variants; the first one is what the others are
    compared with, and changes nothing else. ``notes`` are paragraphs for the page."""

    recipe: Path
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    change: Changes = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        faults = [f"variants: {name} is there twice" for name in {*names} if names.count(name) > 1]
        if not self.variants or self.variants[0].change:
            faults.append("variants: expected a first one without change")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            faults.append("seeds: expected at least one, each once")
        if faults:
            raise ValidationErrors(faults)


@dataclass(frozen=True)
class Trial:
    """One recipe to train, judged on the windows of ``base``, the unchanged one."""

    variant: Variant
    seed: int
    recipe: Recipe
    base: Recipe


def trials_of(ablation: Ablation) -> list[Trial]:
    """All that is to be trained, seed by seed, so that what is done first can be compared.
    Raises `ConfigError` and `MissingFileError`."""
    document = read_yaml(ablation.recipe)
    base = _changed(ablation, document, ablation.variants[0], ablation.seeds[0])
    return [
        Trial(variant, seed, _changed(ablation, document, variant, seed), base)
        for seed in ablation.seeds
        for variant in ablation.variants
    ]


def _changed(ablation: Ablation, document: dict[str, Any], variant: Variant, seed: int) -> Recipe:
    changed = copy.deepcopy(document)
    changes = {**ablation.change, **variant.change, "schedule.seed": seed}
    for name, value in changes.items():
        *parents, last = name.split(".")
        place = changed
        for parent in parents:
            if place.get(parent) is None:
                place[parent] = {}
            place = place[parent]
        place[last] = list(value) if isinstance(value, tuple) else value
    changed["name"] = f"{variant.name}-{seed}"
    try:
        return parse(Recipe, changed)
    except ValidationErrors as error:
        raise ConfigError(f"{ablation.recipe}, changed for {variant.name}: {error}") from error
