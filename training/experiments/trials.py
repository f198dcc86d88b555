"""The trials of an experiment: settings and a seed each, and the configuration they lead to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.experiments.config import Experiment, Group, Overrides, Value, lookup

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
