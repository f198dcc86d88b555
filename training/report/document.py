"""The whole report as blocks: answers first, then pictures, then tables."""

from training.report import plot_effect, plot_front, plot_latency, table_runs, tables
from training.report.answers import Answer
from training.report.answers.cost import (
    what_dominates,
    what_is_on_the_fronts,
    what_quantization_costs,
)
from training.report.answers.highest import highest
from training.report.answers.parameters import which_matter
from training.report.answers.tuning import best_technique, choice_or_tuning, gain_from_tuning
from training.report.blocks import Block, Figure, Section, Text
from training.report.coverage import complete, state
from training.report.effects import effects
from training.report.load import Study
from training.report.method import method
from training.report.models import Choice, choice
from training.report.noise import SeedNoise, seed_noise
from training.report.words import KIND, PARAMETER, listed
from training.sweep.point import HYPER_PARAMETERS

TITLE = "Which pre-processing spots keywords best?"


def document(studies: list[Study]) -> Section:
    """Of the first study, with what the others say in a section of their own."""
    study = studies[0]
    noise, choices = seed_noise(study), choice(study)
    blocks = [
        Text(_about(study), lead=True),
        Text(state(study)),
        _answers(study, noise, choices),
        _fronts(study, noise, choices),
        _latency(study),
        _effects(study, noise),
        _tables(study),
        *(_other(other) for other in studies[1:]),
        method(study, noise),
    ]
    return Section(TITLE, tuple(block for block in blocks if block))


def _about(study: Study) -> str:
    kinds = listed([KIND[kind] for kind in study.kinds])
    return (
        f"{kinds} features at many settings, each with a network of the same architecture"
        " trained on it: what it knows, how long it takes and how large it is. Every number"
        f" on this page is computed from the results of {len(study.runs)} trainings."
        + ("" if complete(study) else " The study is not complete yet.")
    )


def _answers(study: Study, noise: SeedNoise, choices: Choice) -> Section:
    found = [
        highest(study, noise),
        gain_from_tuning(study, noise),
        which_matter(study, noise),
        best_technique(study, noise),
        choice_or_tuning(study, noise),
        what_dominates(study),
        what_quantization_costs(study),
        what_is_on_the_fronts(choices, noise),
    ]
    return Section("The answers", tuple(_answer(answer) for answer in found))


def _answer(answer: Answer) -> Section:
    return Section(answer.question, tuple(Text(text) for text in answer.paragraphs))


def _fronts(study: Study, noise: SeedNoise, choices: Choice) -> Section:
    basis = "Measured" if choices.measured else "Estimated, as nothing was timed yet"
    fastest, smallest = choices.fastest(), choices.smallest()
    caption = (
        "{}: validation accuracy against {}, each model of each configuration. What no other"
        " beats is joined by the line and numbered as in the table."
    )
    pictures = (
        Figure(
            "accuracy-latency",
            plot_front.draw_front(choices.models, fastest, lambda m: m.latency_ms, "latency", "ms"),
            caption.format(basis, "latency of features and model together"),
            f"Scatter plot of {len(choices.models)} models; {len(fastest)} on the front.",
        ),
        Figure(
            "accuracy-size",
            plot_front.draw_front(choices.models, smallest, lambda m: m.size_kb, "size", "KB"),
            caption.format(basis, "size of the model file"),
            f"Scatter plot of {len(choices.models)} models; {len(smallest)} on the front.",
        ),
    )
    return Section(
        "Accuracy against latency and size",
        (
            *pictures,
            tables.front("front-latency", fastest, noise, "latency"),
            tables.front("front-size", smallest, noise, "size"),
        ),
    )


def _latency(study: Study) -> Section | None:
    bars = plot_latency.bars(study)
    if not bars:
        return None
    figure = Figure(
        "latency",
        plot_latency.draw_latency(bars),
        "What a decision takes: the features of one window, then the model (medians). At the"
        " end stands the median of both together.",
        f"Bars of {len(bars)} models, each divided into pre-processing and model.",
    )
    return Section("Where the time goes", (figure,))


def _effects(study: Study, noise: SeedNoise) -> Section | None:
    found = effects(study)
    if not found:
        return None
    seeds = {kind: study.base(kind) for kind in study.kinds}
    figures = []
    for parameter in HYPER_PARAMETERS:
        of_it = sorted(
            (effect for effect in found if effect.parameter == parameter),
            key=lambda effect: study.kinds.index(effect.kind),
        )
        if of_it:
            figures.append(
                Figure(
                    f"effect-{parameter}",
                    plot_effect.draw_effect(of_it, seeds),
                    f"The {PARAMETER[parameter]} changed alone, all else as at the base point."
                    " Bars: 95 % intervals by the number of clips; small dots: the base point"
                    " with other seeds.",
                    f"Validation accuracy at each {PARAMETER[parameter]} for"
                    f" {listed([KIND[e.kind] for e in of_it])}.",
                )
            )
    blocks: list[Block] = [tables.ranking(study, noise), *figures, tables.seeds(study)]
    return Section("What each hyper-parameter does", tuple(blocks))


def _tables(study: Study) -> Section:
    failed = (tables.failures(study),) if study.failed else ()
    runs = (table_runs.configurations(study, kind) for kind in study.kinds)
    return Section("All configurations", (*runs, tables.missing(study), *failed))


def _other(study: Study) -> Section:
    """The short form, for a split of the data that is there only for comparison."""
    noise = seed_noise(study)
    answers = [highest(study, noise), gain_from_tuning(study, noise)]
    return Section(
        "On the given lists: speakers in several parts",
        (
            Text(
                "These networks are trained and tested by lists in which a speaker may stand in"
                " several parts: the figures compare with others made so, and are better than a"
                " new speaker will find them. " + state(study)
            ),
            *(_answer(answer) for answer in answers),
            *(table_runs.configurations(study, kind) for kind in study.kinds),
        ),
    )
