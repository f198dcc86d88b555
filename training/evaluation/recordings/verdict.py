"""The verdict on a folder of samples: everything measured, ready for JSON."""

from collections.abc import Callable, Sequence
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
from training.evaluation.recordings.advice import advise
from training.evaluation.recordings.findings import Finding, find, tied_to_errors
from training.evaluation.recordings.measures import NAMES, TITLES, as_numbers
from training.evaluation.recordings.reference import Reference
from training.evaluation.recordings.samples import Sample, find_samples, judge
from training.evaluation.recordings.words import failing_words
from training.stats import wilson_interval

Report = Callable[[KwsEdgeError], None]


def field_test(
    folder: Path,
    model: Path,
    reference: Reference,
    *,
    progress: Callable[[Sequence[Clip]], Any] = iter,
    report: Report = lambda error: None,
) -> dict[str, Any]:
    """Run ``model`` on ``folder/<label>/`` and judge the recordings.

    A clip that cannot be used goes to ``report`` and into the verdict, the rest counts.
    Raises `DataError` where none is left.
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
        **judgement(samples, file.manifest.labels, reference, published),
    }


def judgement(
    samples: Sequence[Sample],
    labels: Sequence[str],
    reference: Reference,
    published: Measurement | None,
) -> dict[str, Any]:
    """The verdict on samples that were heard, measured and compared; a pure function."""
    correct, count = sum(sample.correct for sample in samples), len(samples)
    lower, upper = wilson_interval(correct, count)
    findings = find(samples, reference, published)
    explained = {number for finding in tied_to_errors(findings) for number in finding.odd}
    rest = [sample for number, sample in enumerate(samples) if number not in explained]
    words = failing_words(rest) if 2 * len(rest) >= count else []
    advice = advise(findings, words, count - correct, count, published)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for sample in samples:
        confusion[labels.index(sample.clip.label), labels.index(sample.heard)] += 1
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
        "heard": sample.heard,
        "score": round(sample.score, 3),
        "odd": [finding.rule.name for finding in findings if number in finding.odd],
        "measures": measures,
        "percent_of_reference_below": percents,
    }
