"""What tuning gains, which technique is best, and which of the two counts more."""

from dataclasses import dataclass

from training.report.answers import Answer
from training.report.compare import between, mean_validation, on_test, on_validation
from training.report.load import Study
from training.report.noise import Difference, SeedNoise
from training.report.run import Run
from training.report.score import percent, points
from training.report.words import KIND, configuration, count, listed


@dataclass(frozen=True)
class Gain:
    """The best configuration of a kind against the seeds of the base point."""

    kind: str
    base_name: str
    best: Run
    base: list[Run]
    candidates: int
    validation: Difference
    test: Difference | None


def gains(study: Study, noise: SeedNoise) -> list[Gain]:
    """Of each kind of which the base point has been run, and another one."""
    found = []
    for kind in study.kinds:
        runs, base = study.of_kind(kind), study.base(kind)
        if base and len(runs) > 1:
            best = runs[0]
            difference = on_validation(best, base, noise, len(runs))
            test = on_test(best, base, noise)
            name = study.base_name(kind)
            found.append(Gain(kind, name, best, base, len(runs), difference, test))
    return found


def gain_from_tuning(study: Study, noise: SeedNoise) -> Answer:
    found = gains(study, noise)
    texts = [_gain(gain) for gain in found]
    missing = [KIND[kind] for kind in study.kinds if kind not in {g.kind for g in found}]
    if missing:
        texts.append(f"Nothing can be said yet of {listed(missing)}: too few runs.")
    return Answer("How much does tuning gain over the settings that it starts from?", tuple(texts))


def _gain(gain: Gain) -> str:
    values = [run.validation.value for run in gain.base]
    seeds = (
        f"mean of {len(values)} seeds, {percent(min(values))} to {percent(max(values))}"
        if len(values) > 1
        else "one seed"
    )
    start = f"**{KIND[gain.kind]}**: {percent(mean_validation(gain.base))} at {gain.base_name}"
    if gain.best.key in {run.key for run in gain.base}:
        return f"{start} ({seeds}), and none of the {gain.candidates - 1} others is better."
    text = (
        f"{start} ({seeds}), {gain.best.validation} at the best of {gain.candidates},"
        f" {configuration(gain.best.point)}: {gain.validation}, {gain.validation.verdict}."
    )
    if gain.test:
        text += f" On the test part: {gain.test}, {gain.test.verdict}."
    return text


def best_technique(study: Study, noise: SeedNoise) -> Answer:
    question = "Which technique is the best?"
    if len(study.kinds) < 2:
        only = KIND[study.kinds[0]]
        return Answer(question, (f"There are results of {only} alone: nothing to compare yet.",))
    best = sorted((study.of_kind(k)[0] for k in study.kinds), key=lambda r: -r.validation.value)
    texts = [_against(best[0], other, noise) for other in best[1:]]
    head = f"**{KIND[best[0].kind]}**, each at its best setting. "
    told = [on_validation(best[0], [other], noise).clear for other in best[1:]]
    if not all(told):
        head = f"{KIND[best[0].kind]} is ahead, but **not of all by more than the noise**. "
    paragraphs = [head + " ".join(texts), *_untuned(study, noise)]
    return Answer(question, tuple(paragraphs))


def _against(best: Run, other: Run, noise: SeedNoise) -> str:
    difference, test = on_validation(best, [other], noise), on_test(best, [other], noise)
    on_the_test = f"; on the test part {points(test.value)}, {test.verdict}" if test else ""
    return (
        f"{percent(best.validation.value)} against {percent(other.validation.value)} of"
        f" {KIND[other.kind]}: {points(difference.value)}, {difference.verdict}{on_the_test}."
    )


def _untuned(study: Study, noise: SeedNoise) -> list[str]:
    bases = _bases(study)
    if len(bases) < 2:
        return []
    means = [
        f"{KIND[kind]} {percent(mean_validation(base))} ({count(len(base), 'seed')})"
        for kind, base in bases
    ]
    lead = between(bases[0][1], bases[1][1], noise)
    return [
        f"Where tuning starts: {listed(means)}; the lead of {KIND[bases[0][0]]} is {lead.verdict}."
    ]


def _bases(study: Study) -> list[tuple[str, list[Run]]]:
    """The base points by their mean accuracy, the best first."""
    found = [(kind, base) for kind in study.kinds if (base := study.base(kind))]
    return sorted(found, key=lambda item: -mean_validation(item[1]))


def choice_or_tuning(study: Study, noise: SeedNoise) -> Answer:
    question = "What counts more: the choice of the features or their tuning?"
    found = gains(study, noise)
    bases = _bases(study)
    if len(bases) < 2 or not found:
        return Answer(question, ("There are too few techniques to tell yet.",))
    texts = [_weighed(bases, found, noise)]
    if len(bases) > 2:
        two = [kind for kind, _ in bases[:2]]
        tuned = [gain for gain in found if gain.kind in two]
        texts += (
            [f"Without {KIND[bases[2][0]]}: {_weighed(bases[:2], tuned, noise)}"] if tuned else []
        )
    return Answer(question, tuple(texts))


def _weighed(bases: list[tuple[str, list[Run]]], found: list[Gain], noise: SeedNoise) -> str:
    """The widest step between kinds of features, untuned, against the most that tuning gains."""
    (first, best), *_, (last, worst) = bases
    choice, most = between(best, worst, noise), max(found, key=lambda g: g.validation.value)
    gain = max(most.validation.value, 0.0)
    evidence = (
        f"From {KIND[last]} to {KIND[first]} at the base points it is {points(choice.value)}"
        f" ({choice.short}); tuning gains at most"
        f" {points(gain)}, for {KIND[most.kind]}"
        f" ({most.validation.short})."
    )
    if not choice.clear and not most.validation.clear:
        return f"**Neither can be told from the noise.** {evidence}"
    if abs(choice.value - gain) <= noise.sd:
        return f"**About the same.** {evidence}"
    return (
        f"**{'The choice of the features' if choice.value > gain else 'The tuning'}.** {evidence}"
    )
