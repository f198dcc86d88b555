"""Highest accuracy and its configuration; what the winner can be told apart from."""

from training.report.answers import Answer
from training.report.compare import on_validation
from training.report.load import Study
from training.report.noise import SeedNoise
from training.report.run import Run
from training.report.score import percent
from training.report.words import KIND, configuration, count, listed


def highest(study: Study, noise: SeedNoise) -> Answer:
    best = max(study.configurations(), key=lambda run: run.validation.value)
    paragraphs = [
        f"**{best.validation}** of the {best.validation.count} validation clips, by"
        f" **{configuration(best.point)}**." + _on_test(best),
        _rivals(study, best, noise),
    ]
    others = [_best_of(study, kind) for kind in study.kinds if kind != best.kind]
    if others:
        paragraphs.append("The best of the other techniques: " + "; ".join(others) + ".")
    return Answer("What is the highest accuracy, and with which configuration?", tuple(paragraphs))


def _best_of(study: Study, kind: str) -> str:
    best = study.of_kind(kind)[0]
    test = best.test()
    return f"{best.validation}{f', on the test part {test}' if test else ''}, by " + configuration(
        best.point
    )


def _on_test(run: Run) -> str:
    test = run.test()
    if not test or not test.outcome:
        return " The test part has not been read, so this is the figure that it was chosen by."
    return (
        f" On the {test.outcome.data}, which had no part in the choice, it knows **{test}** of"
        f" {test.count} clips."
    )


def _rivals(study: Study, best: Run, noise: SeedNoise) -> str:
    others = [run for run in study.configurations() if run.key != best.key]
    if not others:
        return "It is the only configuration so far."
    equal = [run for run in others if not on_validation(best, [run], noise).clear]
    text = (
        f"It is the best of {count(len(others) + 1, 'configuration')} on validation, which"
        " flatters it. "
    )
    if not equal:
        return text + "Each of the others is behind by more than the noise."
    kinds = [
        f"{sum(run.kind == kind for run in equal)} with {KIND[kind]}"
        for kind in study.kinds
        if any(run.kind == kind for run in equal)
    ]
    lowest = min(run.validation.value for run in equal)
    return text + (
        f"{len(equal)} of the {len(others)} others cannot be told from it ({listed(kinds)}), down"
        f" to {percent(lowest)}: the difference is inside the noise."
    )
