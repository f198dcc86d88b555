"""The models of a study with what they cost, and the fronts among them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from training.report.load import Study
from training.report.noise import Difference, SeedNoise, by_clips
from training.report.pareto import front
from training.report.run import Run
from training.report.score import Score, score_of


@dataclass(frozen=True)
class Model:
    """A configuration's network in one quantization; costs in ms and KB (1,024 bytes)."""

    run: Run
    quantization: str
    validation: Score
    latency_ms: float
    size_kb: float

    @property
    def test(self) -> Score | None:
        return self.run.test(self.quantization)


@dataclass(frozen=True)
class Choice:
    """The models to choose from; ``measured``: their costs are, and not estimated."""

    models: tuple[Model, ...]
    measured: bool

    def fastest(self) -> list[Model]:
        """The front of validation accuracy and latency."""
        return front(self.models, lambda m: m.latency_ms, lambda m: m.validation.value)

    def smallest(self) -> list[Model]:
        """The front of validation accuracy and size in whole KB: the manifest's text differs."""
        return front(self.models, lambda m: round(m.size_kb), lambda m: m.validation.value)


def choice(study: Study) -> Choice:
    """All models that were converted and timed, one seed a configuration; where there are
    none, every configuration as float32 with the sweep's estimates.
    """
    runs = study.configurations()
    timed = [
        Model(
            run,
            quantization,
            score_of(converted.validation),
            run.timings[quantization].sum.median_ms,
            converted.size_kb,
        )
        for run in runs
        for quantization, converted in run.models.items()
        if quantization in run.timings
    ]
    if timed:
        return Choice(tuple(timed), True)
    return Choice(tuple(estimated(run) for run in runs), False)


def estimated(run: Run) -> Model:
    metrics = run.record.metrics
    latency, size = metrics["estimated_latency_ms"], metrics["size_kb"]
    return Model(run, "float32", run.validation, float(latency), float(size))


def steps(models: Sequence[Model], noise: SeedNoise) -> list[Difference | None]:
    """Of each model of a front against the next cheaper one; None for the first."""
    found: list[Difference | None] = [None]
    for cheaper, dearer in itertools.pairwise(models):
        difference = dearer.validation.value - cheaper.validation.value
        p, paired = by_clips(dearer.validation, cheaper.validation)
        # two quantizations of one network: no other seed was in play
        other = cheaper.run.key != dearer.run.key
        by_seeds = noise.p_of_best(difference, 1, 1) if other else None
        found.append(Difference(difference, p, by_seeds, paired))
    return found
