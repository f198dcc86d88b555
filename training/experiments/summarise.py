"""What an experiment found: the best, its gain, what matters, what it costs."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from training.experiments.compare import (
    LEVEL,
    Difference,
    SeedNoise,
    TrialScore,
    compare,
    compare_means,
)
from training.experiments.experiment import Variant
from training.experiments.results import ResultRow, Study, TrialRun, model_score

T = TypeVar("T")


@dataclass(frozen=True)
class Gain:
    """The best configuration of a group, and its other seeds, against the seeds of its base."""

    group: str
    best: TrialRun
    seeds: list[TrialRun]
    base: list[TrialRun]
    candidates: int
    validation: Difference
    test: Difference | None


def gains(study: Study) -> list[Gain]:
    """Of each group whose base has run, and another configuration."""
    found = []
    noise = study.noise()
    for group in study.groups:
        runs, base = study.configurations(group.name), study.base(group.name)
        if base and len(runs) > 1:
            best = max(runs, key=lambda run: mean_score(study, study.seeds(run)))
            seeds, scores = study.seeds(best), [study.score(run) for run in base]
            validation = (
                compare(study.score(best), scores, noise, len(runs))
                if len(seeds) == 1
                else compare_means([study.score(run) for run in seeds], scores, noise)
            )
            test = test_difference(best, base, noise)
            found.append(Gain(group.name, best, seeds, base, len(runs), validation, test))
    return found


def mean_score(study: Study, runs: Sequence[TrialRun]) -> float:
    """By the experiment's objective."""
    return sum(study.score(run).value for run in runs) / len(runs)


def test_difference(run: TrialRun, base: Sequence[TrialRun], noise: SeedNoise) -> Difference | None:
    """On the test part, which had no part in the choice; None where it has not been read.

    The noise between seeds is that of validation.
    """
    test, tests = run.test(), [known for other in base if (known := other.test())]
    return compare(test, tests, noise) if test and len(tests) == len(base) else None


@dataclass(frozen=True)
class FactorEffect:
    """The runs of each value of a setting changed alone, by value; at least two."""

    group: str
    factor: str
    planned: int
    runs: dict[float | str, TrialRun]
    values: dict[float | str, float]  # the objective

    @property
    def span(self) -> float:
        return max(self.values.values()) - min(self.values.values())

    @property
    def best(self) -> float | str:
        return max(self.values, key=lambda value: self.values[value])

    @property
    def worst(self) -> float | str:
        return min(self.values, key=lambda value: self.values[value])

    def p(self, noise: SeedNoise) -> float | None:
        """How often seeds alone give such a range."""
        return noise.p_of_range(list(self.values.values()))

    def matters(self, noise: SeedNoise) -> bool:
        p = self.p(noise)
        return p is not None and p < LEVEL

    def latency_span(self) -> float | None:
        """SearchRange of a float32 decision in ms; None where not all were timed."""
        rows = [run.models.get("float32") for run in self.runs.values()]
        times = [row.number("decision_median_ms") if row else None for row in rows]
        known = [time for time in times if time is not None]
        return max(known) - min(known) if len(known) == len(times) else None


def factor_effects(study: Study) -> list[FactorEffect]:
    """The factors with two values or more, the widest range first."""
    by_key = {run.key: run for run in study.runs}
    found = []
    for group in study.groups:
        for factor in group.factors:
            plan = [one.trial for one in study.plan if one.factor == factor]
            own = [trial for trial in plan if trial.group == group.name]
            runs = {
                _key(trial.settings[factor]): by_key[trial.key]
                for trial in own
                if trial.key in by_key
            }
            if len(runs) > 1:
                values = {value: study.score(run).value for value, run in runs.items()}
                found.append(FactorEffect(group.name, factor, len(own), runs, values))
    return sorted(found, key=lambda effect: -effect.span)


def _key(value: object) -> float | str:
    return float(value) if isinstance(value, (int, float)) else str(value)


@dataclass(frozen=True)
class VariantEffect:
    """A variant against its base: a difference for each metric of the experiment."""

    group: str
    variant: Variant
    runs: list[TrialRun]
    differences: dict[str, Difference]


def variant_effects(study: Study) -> list[VariantEffect]:
    """By the objective, the worst first."""
    found = []
    metrics = study.experiment.metrics
    noise = {metric: study.noise(metric) for metric in metrics}
    for group in study.groups:
        base = study.base(group.name)
        for variant in group.variants if base else ():
            if not (runs := study.variant(group.name, variant.name)):
                continue
            differences = {
                metric: compare_means(
                    [run.score(metric) for run in runs],
                    [run.score(metric) for run in base],
                    noise[metric],
                )
                for metric in metrics
            }
            found.append(VariantEffect(group.name, variant, runs, differences))
    return sorted(found, key=lambda e: e.differences[study.experiment.objective].value)


@dataclass(frozen=True)
class Model:
    """A configuration's model: its score on validation, ms a decision (median, features
    included) and KB (1,024 bytes), measured or estimated by the trial.
    """

    run: TrialRun
    row: ResultRow
    validation: TrialScore
    latency_ms: float
    size_kb: float

    @property
    def quantization(self) -> str:
        return self.row["model"] or "float32"


def measured_models(study: Study) -> list[Model]:
    """The models that were converted and timed, one seed a configuration."""
    found = []
    for run in study.configurations():
        for row in run.models.values():
            latency = row.number("decision_median_ms")
            if latency is not None:
                score = model_score(row, "validation") or study.score(run)
                found.append(Model(run, row, score, latency, row.need("size_kb")))
    return found


def estimated_models(study: Study) -> list[Model]:
    """Every configuration with the trial's own estimates, until models are timed."""
    return [
        Model(run, run.rows[0], study.score(run), *costs)
        for run in study.configurations()
        if (costs := _estimates(run.rows[0]))
    ]


def _estimates(row: ResultRow) -> tuple[float, float] | None:
    latency, parameters = row.number("estimated_latency_ms"), row.number("parameters")
    return (latency, 4 * parameters / 1024) if latency and parameters else None


def models(study: Study) -> list[Model]:
    return measured_models(study) or estimated_models(study)


def fastest(found: Sequence[Model]) -> list[Model]:
    """The Pareto front of validation and latency."""
    return front(found, lambda m: m.latency_ms, lambda m: m.validation.value)


def smallest(found: Sequence[Model]) -> list[Model]:
    """The Pareto front of validation and whole KB: the text of the manifest differs."""
    return front(found, lambda m: round(m.size_kb), lambda m: m.validation.value)


def front(choices: Sequence[T], cost: Callable[[T], float], gain: Callable[[T], float]) -> list[T]:
    """Those than which no other costs less and gains as much, or gains more at that cost.

    The cheapest first; of equals in both the first.
    """
    kept: list[T] = []
    for choice in sorted(choices, key=lambda c: (cost(c), -gain(c))):
        if not kept or gain(choice) > gain(kept[-1]):
            kept.append(choice)
    return kept


def steps(found: Sequence[Model], noise: SeedNoise) -> list[Difference | None]:
    """Of each model of a front against the next cheaper one; None for the first."""
    differences: list[Difference | None] = [None] if found else []
    for cheaper, dearer in itertools.pairwise(found):
        # two quantizations of one network: no other seed was in play
        same = cheaper.run.key == dearer.run.key
        other = SeedNoise(0.0, 0) if same else noise
        differences.append(compare(dearer.validation, [cheaper.validation], other))
    return differences


@dataclass(frozen=True)
class QuantizationLoss:
    """A quantization against float32 over the configurations that have both: ``accuracies`` are
    differences on the ``part`` that was read, by run."""

    quantization: str
    part: str
    accuracies: dict[str, float]


def quantization_losses(study: Study) -> list[QuantizationLoss]:
    """Of each quantization besides float32."""
    runs = [run for run in study.configurations() if "float32" in run.models]
    names = dict.fromkeys(name for run in runs for name in run.models if name != "float32")
    return [_loss(name, [run for run in runs if name in run.models]) for name in names]


def _loss(name: str, runs: list[TrialRun]) -> QuantizationLoss:
    tested = all(run.test(name) and run.test() for run in runs)
    column = "test_accuracy" if tested else "model_validation_accuracy"
    accuracies = {
        run.key: run.models[name].need(column) - run.models["float32"].need(column) for run in runs
    }
    return QuantizationLoss(name, "test" if tested else "validation", accuracies)
