"""What dominates latency, what quantization costs, and what is on the fronts."""

import statistics

from training.report.answers import Answer
from training.report.load import Study
from training.report.models import Choice, Model, steps
from training.report.noise import SeedNoise
from training.report.run import Run
from training.report.score import percent, points
from training.report.words import KIND, QUANTIZATION, configuration, count, kb, listed, ms
from training.study.results import QUANTIZATIONS, Converted


def what_dominates(study: Study) -> Answer:
    question = "Pre-processing or model: which dominates the latency?"
    timed = [run for run in study.configurations() if run.timings]
    if not timed:
        return Answer(question, (_estimated(study),))
    shares = {q: [_share(run, q) for run in timed if q in run.timings] for q in QUANTIZATIONS}
    median = {q: statistics.median(found) for q, found in shares.items() if found}
    if all(share > 0.5 for share in median.values()):
        head = "**Pre-processing.** "
    elif all(share < 0.5 for share in median.values()):
        head = "**The model.** "
    else:
        head = "**It depends on the quantization.** "
    text = "Pre-processing takes, of a decision (median over the configurations), " + "; ".join(
        f"{percent(share)} with {QUANTIZATION[q]} ({percent(min(shares[q]))} to"
        f" {percent(max(shares[q]))})"
        for q, share in median.items()
    )
    kinds = [_of_kind(kind, [r for r in timed if r.kind == kind]) for kind in study.kinds]
    return Answer(question, (f"{head}{text}.", *filter(None, kinds)))


def _share(run: Run, quantization: str) -> float:
    timing = run.timings[quantization]
    return timing.features.median_ms / (timing.features.median_ms + timing.model.median_ms)


def _of_kind(kind: str, runs: list[Run]) -> str:
    if not runs:
        return ""
    parts = []
    for quantization in QUANTIZATIONS:
        timings = [r.timings[quantization] for r in runs if quantization in r.timings]
        if timings:
            model = statistics.median(t.model.median_ms for t in timings)
            parts.append(f"{ms(model)} as {QUANTIZATION[quantization]}")
    features = [t.features.median_ms for r in runs for t in r.timings.values()]
    return (
        f"**{KIND[kind]}**: features {ms(statistics.median(features))} ({ms(min(features))} to"
        f" {ms(max(features))}), model {', '.join(parts)}, medians of"
        f" {count(len(runs), 'configuration')}."
    )


def _estimated(study: Study) -> str:
    metrics = [run.record.metrics for run in study.configurations()]
    shares = [m["features_ms"] / m["estimated_latency_ms"] for m in metrics]
    name = "Pre-processing" if statistics.median(shares) > 0.5 else "The model"
    return (
        f"**{name}**, by the sweep's estimate for float32: pre-processing takes"
        f" {percent(statistics.median(shares))} of a decision ({percent(min(shares))} to"
        f" {percent(max(shares))}). The models have not been timed yet."
    )


def what_quantization_costs(study: Study) -> Answer:
    """Medians over the configurations, each against its own float32 model."""
    question = "What do the quantizations cost and save?"
    runs = [run for run in study.configurations() if "float32" in run.models]
    texts = []
    for quantization in ("dynamic", "int8"):
        both = [run for run in runs if quantization in run.models]
        if not both:
            continue
        losses = {r.key: _accuracy(r, quantization) - _accuracy(r, "float32") for r in both}
        values = losses.values()
        worst = min(both, key=lambda run: losses[run.key])
        part = "test" if _tested(both, quantization) else "validation"
        size = statistics.median(
            run.models[quantization].size_kb / run.models["float32"].size_kb for run in both
        )
        text = (
            f"**{QUANTIZATION[quantization].capitalize()}**: accuracy on the {part} part"
            f" {points(statistics.median(values))} against float32 ({100 * min(values):+.1f}, by"
            f" {configuration(worst.point)}, to {100 * max(values):+.1f} over"
            f" {count(len(both), 'configuration')}), size {percent(size)} of float32's"
        )
        timed = [r for r in both if quantization in r.timings and "float32" in r.timings]
        if timed:
            faster = statistics.median(
                r.timings[quantization].model.median_ms / r.timings["float32"].model.median_ms
                for r in timed
            )
            text += f", the model's time {percent(faster)}"
        texts.append(f"{text}.")
    if texts:
        texts.append(f"{_sizes(runs)} {_agreement(runs)}")
    return Answer(question, tuple(texts) or ("No model has been converted yet.",))


def _sizes(runs: list[Run]) -> str:
    """Does the size of a file depend on the settings of the features?"""
    found = {q: [r.models[q].size_kb for r in runs if q in r.models] for q in QUANTIZATIONS}
    same = all(max(sizes) - min(sizes) < 0.02 * min(sizes) for sizes in found.values() if sizes)
    ranges = [
        f"{QUANTIZATION[q]} {kb(min(sizes))}"
        + (f" to {kb(max(sizes))}" if kb(min(sizes)) != kb(max(sizes)) else "")
        for q, sizes in found.items()
        if sizes
    ]
    says = "The settings of the features do not change the size" if same else "Sizes"
    return f"{says}: {listed(ranges)}."


def _tested(runs: list[Run], quantization: str) -> bool:
    return all(quantization in run.tests and "float32" in run.tests for run in runs)


def _accuracy(run: Run, quantization: str) -> float:
    if _tested([run], quantization):
        return run.tests[quantization].test.accuracy
    return run.models[quantization].validation.accuracy


def _agreement(runs: list[Run]) -> str:
    """Which models are not what was trained?"""
    models = [model for run in runs for model in run.models.values()]
    odd = [m for m in models if not all(agreement.passed for agreement in m.agreements)]
    if not odd:
        return f"All {len(models)} models give the trained networks' posteriors within tolerance."
    by = [f"{n} of {QUANTIZATION[q]}" for q in QUANTIZATIONS if (n := _number_of(odd, q))]
    return (
        f"**Of {len(models)} models {len(odd)} give other posteriors than the trained network** by"
        f" more than the quantization should cost: {listed(by)}. Accuracies here are their own."
    )


def _number_of(models: list[Converted], quantization: str) -> int:
    return sum(model.quantization == quantization for model in models)


def what_is_on_the_fronts(choice: Choice, noise: SeedNoise) -> Answer:
    """The ends of both fronts; the tables list them all."""
    fronts = (("latency", choice.fastest()), ("size", choice.smallest()))
    texts = tuple(_front(name, models, choice, noise) for name, models in fronts)
    return Answer("Which configurations are on the Pareto fronts?", texts)


def _front(name: str, models: list[Model], choice: Choice, noise: SeedNoise) -> str:
    def cost(model: Model) -> str:
        return ms(model.latency_ms) if name == "latency" else kb(model.size_kb)

    basis = "measured" if choice.measured else "estimated: the models have not been timed yet"
    text = (
        f"**Accuracy and {name}** ({basis}): {count(len(models), 'model')} of"
        f" {len(choice.models)}, "
    )
    if len(models) == 1:
        return f"{text}{_described(models[0])} at {cost(models[0])}."
    told = sum(bool(step and step.clear) for step in steps(models, noise))
    return (
        f"{text}from {_described(models[0])} at {cost(models[0])} to {_described(models[-1])} at"
        f" {cost(models[-1])}. Of the {count(len(models) - 1, 'step')} along the front, {told}"
        f" gain{'s' if told == 1 else ''} more accuracy than the noise."
    )


def _described(model: Model) -> str:
    return (
        f"{configuration(model.run.point)} as {QUANTIZATION[model.quantization]},"
        f" {percent(model.validation.value)}"
    )
