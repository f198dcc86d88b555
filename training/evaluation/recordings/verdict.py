"""The verdict on a folder of recordings: conclusion, remedies and their evidence, for JSON."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_edge.errors import DataError, KwsEdgeError
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import read_model
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.manifest import Measurement
from training.data.clips import Clip
from training.evaluation.recordings.findings import (
    SIGNIFICANT,
    FailingWord,
    Finding,
    errors_of,
    failing_words,
    find,
    tied_to_errors,
)
from training.evaluation.recordings.measures import NAMES, TITLES, as_numbers
from training.evaluation.recordings.samples import Reference, Sample, find_samples, judge
from training.stats import fisher_greater, wilson_interval

Report = Callable[[KwsEdgeError], None]
ENOUGH_CLIPS = 20
SAME_CLIPS = 0.8


def check_recordings(
    folder: Path,
    model: Path,
    reference: Reference,
    *,
    progress: Callable[[Sequence[Clip]], Any] = iter,
    report: Report = lambda error: None,
) -> dict[str, Any]:
    """Run ``model`` on ``folder/<label>/`` and judge the recordings.

    An unreadable clip goes to ``report`` and is listed in the verdict; the others count.
    Raises `DataError` if none is left.
    """
    file = read_model(model)
    classifier = Classifier(file)
    front_end = FrontEnd(file.manifest.features)
    clips, others = find_samples(folder, file.manifest.keywords)
    samples, unreadable = list[Sample](), list[str]()
    for clip in progress(clips):
        try:
            samples.append(judge(clip, classifier, front_end))
        except KwsEdgeError as error:
            unreadable.append(clip.key)
            report(error)
    if not samples:
        raise DataError(f"{folder}: none of the {len(clips)} clips can be read")
    published = next((m for m in file.manifest.metrics if m.name == "accuracy"), None)
    return {
        "folder": folder.name,
        "model": file.manifest.name,
        "run_id": file.manifest.run_id,
        "interpreter": interpreter_name(),
        "other_folders": others,
        "unreadable": unreadable,
        **make_verdict(samples, file.manifest.labels, reference, published),
    }


def make_verdict(
    samples: Sequence[Sample],
    labels: Sequence[str],
    reference: Reference,
    published: Measurement | None,
) -> dict[str, Any]:
    """The verdict on measured and classified samples; a pure function."""
    correct, count = sum(sample.correct for sample in samples), len(samples)
    lower, upper = wilson_interval(correct, count)
    findings = find(samples, reference, published)
    explained = {number for finding in tied_to_errors(findings) for number in finding.odd}
    rest = [sample for number, sample in enumerate(samples) if number not in explained]
    words = failing_words(rest) if 2 * len(rest) >= count else []
    advice = advise(findings, words, count - correct, count, published)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for sample in samples:
        confusion[labels.index(sample.clip.label), labels.index(sample.predicted)] += 1
    return {
        "reference": {"data": reference.data, "clips": reference.clips},
        "conclusion": advice.conclusion,
        "remedies": advice.remedies,
        "harmless": advice.harmless,
        "clips": count,
        "accuracy": correct / count,
        "accuracy_lower": lower,
        "accuracy_upper": upper,
        "labels": list(labels),
        "confusion": confusion.tolist(),
        "measures": {name: _spread(name, samples, reference) for name in NAMES},
        "rules": [_rule(finding) for finding in findings],
        "samples": [
            _sample(number, sample, findings, reference) for number, sample in enumerate(samples)
        ],
    }


def _spread(name: str, samples: Sequence[Sample], reference: Reference) -> dict[str, Any]:
    values = [v for s in samples if (v := getattr(s.measures, name)) is not None]
    here = np.percentile(values, [5, 50, 95]).tolist() if values else None
    return {
        "title": TITLES[name][0],
        "unit": TITLES[name][1],
        "measured": len(values),
        "p5_p50_p95": here,
        "reference_p5_p50_p95": [reference.at(name, percent) for percent in (5, 50, 95)],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    contrast = finding.contrast
    return {
        "rule": finding.rule.name,
        "measure": finding.rule.measure,
        "measured": finding.measured,
        "odd": len(finding.odd),
        "p_of_so_many_odd": finding.p,
        "errors_among_odd": finding.wrong,
        "compared_with": contrast and contrast.against,
        "errors_among_these": contrast and contrast.wrong,
        "of": contrast and contrast.count,
        "p_of_the_errors": contrast and contrast.p,
    }


def _sample(
    number: int, sample: Sample, findings: Sequence[Finding], reference: Reference
) -> dict[str, Any]:
    measures = as_numbers(sample.measures)
    percents = {
        name: None if value is None else round(reference.percent_of(name, value))
        for name, value in measures.items()
    }
    return {
        "path": sample.clip.key,
        "label": sample.clip.label,
        "predicted": sample.predicted,
        "score": round(sample.score, 3),
        "odd": [finding.rule.name for finding in findings if number in finding.odd],
        "measures": measures,
        "percent_of_reference_below": percents,
    }


@dataclass(frozen=True)
class Advice:
    """``conclusion`` in a sentence or two; ``remedies`` by name and ``harmless`` oddities,
    each with its evidence."""

    conclusion: str
    remedies: dict[str, str]
    harmless: dict[str, str]


def advise(
    findings: Sequence[Finding],
    words: Sequence[FailingWord],
    wrong: int,
    count: int,
    published: Measurement | None,
) -> Advice:
    """The findings as sentences, the sharpest evidence first.

    The model misrecognised ``wrong`` of ``count`` clips.
    """
    tied = tied_to_errors(findings)
    remedies = {f.rule.name: f"{evidence(f)} So: {f.rule.remedy}." for f in tied}
    remedies |= {f"word {word.label}": _of_word(word) for word in words}
    loose = [f for f in findings if f.stands_out and f not in tied]
    harmless = {f.rule.name: evidence(f) for f in loose}
    sentences = list(_conclusion(tied, words, loose, wrong, count, published))
    return Advice(" ".join(sentences), remedies, harmless)


def evidence(finding: Finding) -> str:
    """The share of odd clips, their median and the reference's, and the errors among them."""
    odd, unit = len(finding.odd), TITLES[finding.rule.measure][1]
    text = f"{odd} of {finding.measured} clips are {finding.rule.are}"
    if finding.median is not None:
        here, usual = (in_unit(v, unit) for v in (finding.median, finding.usual))
        text += f" (median {here} against {usual} {unit})"
    if finding.contrast is None:
        return f"{text}; there are no clips to compare their errors with."
    c = finding.contrast
    return (
        f"{text}; errors among them {finding.wrong / odd:.0%} ({finding.wrong} of {odd}), against"
        f" {c.wrong / c.count:.1%} ({c.wrong} of {c.count}) of {c.against}: Fisher's exact"
        f" p = {c.p:.2g}."
    )


def in_unit(value: float, unit: str) -> str:
    """A measure as text: shares in percent, other values in their unit."""
    if unit.startswith("%"):
        return f"{100 * value:.3g}"
    return f"{value:.2f}" if unit == "s" else str(round(value))


def _of_word(word: FailingWord) -> str:
    return (
        f'{word.wrong} of {word.count} clips of "{word.label}" are misrecognised,'
        f' {word.most_frequent_count} of them as "{word.most_frequent}"; of the other words'
        f" {word.others_wrong} of {word.others_count}: Fisher's exact p = {word.p:.2g}."
        " So: listen to these clips (wrong"
        " folder, another pronunciation?), or train with more of that word."
    )


def _conclusion(
    tied: Sequence[Finding],
    words: Sequence[FailingWord],
    loose: Sequence[Finding],
    wrong: int,
    count: int,
    published: Measurement | None,
) -> Iterator[str]:
    worse = None
    if published:
        worse = fisher_greater(wrong, count, errors_of(published), published.count)
        compared = "these are worse" if worse < SIGNIFICANT else "these are no worse beyond chance"
        yield (
            f"The model has {published.value:.1%} on {published.count} clips of {published.data}:"
            f" {compared} (Fisher's exact p = {worse:.2g})."
        )
    if tied or words:
        named = [finding.rule.name for finding in tied]
        named += [f'the word "{word.label}"' for word in words]
        yield f"The errors go with: {', '.join(named)}."
        yield from _together(tied)
    elif count < ENOUGH_CLIPS:
        yield f"{count} clips are too few to find a cause: record {ENOUGH_CLIPS} or more."
    elif worse is not None and worse < SIGNIFICANT and loose:
        yield "More clips would show whether what is unusual about them causes the errors."
    elif worse is not None and worse < SIGNIFICANT:
        yield (
            "No measure explains the errors: speakers, accents or microphone may differ from those"
            " in the training data; add such recordings to it to find out."
        )
    else:
        yield "Nothing stands out that errors go with."
    if loose:
        yield (
            f"Unusual, but with no more errors than chance might give:"
            f" {', '.join(finding.rule.name for finding in loose)}."
        )


def _together(tied: Sequence[Finding]) -> Iterator[str]:
    """Causes that occur in the same clips cannot be separated."""
    for number, first in enumerate(tied):
        for second in tied[number + 1 :]:
            a, b = set(first.odd), set(second.odd)
            if len(a & b) >= SAME_CLIPS * len(a | b):
                yield (
                    f"The {first.rule.name} clips are nearly the {second.rule.name} ones"
                    f" ({len(a & b)} of {len(a | b)}): one may cause the errors of both."
                )
