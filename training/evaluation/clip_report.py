"""A model file on clips: the report, its files, and reports read back."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.detection.detector import is_keyword
from kws_edge.errors import DataError, KwsEdgeError, MissingFileError
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import read_model
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.manifest import Manifest
from kws_edge.model.probe import measure
from kws_edge.types import FloatArray
from training.data.clips import Clip
from training.data.loading import window_features
from training.stats import wilson_interval
from training.train.run import machine

Counts = npt.NDArray[np.int64]
Report = Callable[[KwsEdgeError], None]


def evaluate(
    model: Path,
    clips: Sequence[Clip],
    data: str,
    *,
    repetitions: int = 200,
    progress: Callable[[Sequence[Clip]], Any] = iter,
    report: Report | None = None,
) -> dict[str, Any]:
    """Accuracy with its 95 % interval, confusion, latency and size, ready for JSON.

    ``data`` describes the clips for readers. Clips with labels that the model does not have are
    other words and do not count for accuracy. 1 KB is 1024 bytes. What is wrong with a clip goes
    to ``report``, and the figures are of the others; without it the first fault is raised.
    """
    file = read_model(model)
    classifier, manifest = Classifier(file), file.manifest
    found, spoken = _posteriors(classifier, progress(clips), report)
    known = [label in manifest.labels for label in spoken]
    targets = [manifest.labels.index(label) for label in spoken if label in manifest.labels]
    confusion = confusion_of(found[known], np.array(targets))
    latency = measure(classifier, repetitions)
    return {
        "model": manifest.name,
        "run_id": manifest.run_id,
        "git_commit": manifest.git_commit,
        "data": data,
        **_accuracy(confusion),
        "labels": list(manifest.labels),
        "confusion": confusion.tolist(),
        **rejection(manifest, spoken, found),
        "latency_ms": {
            name: {"median": value.median_ms, "p95": value.p95_ms}
            for name, value in latency.items()
        },
        "size_kb": file.size / 1024,
        "interpreter": interpreter_name(),
        "machine": machine(),
    }


def _posteriors(
    classifier: Classifier, clips: Iterable[Clip], report: Report | None
) -> tuple[FloatArray, list[str]]:
    """``[n, labels]`` and the labels of the clips that can be read."""
    front_end = FrontEnd(classifier.manifest.features)
    rows: list[FloatArray] = []
    spoken: list[str] = []
    for clip in clips:
        try:
            features = window_features(clip, front_end)
        except (DataError, MissingFileError) as error:
            if report is None:
                raise
            report(error)
            continue
        rows.append(classifier(features))
        spoken.append(clip.label)
    if not rows:
        raise DataError("none of the clips can be read")
    return np.stack(rows), spoken


def confusion_of(posteriors: FloatArray, targets: Counts) -> Counts:
    """``[labels, labels]``: rows are what was spoken, columns what the model predicted."""
    labels = posteriors.shape[1]
    confusion = np.zeros((labels, labels), np.int64)
    np.add.at(confusion, (targets, posteriors.argmax(axis=1)), 1)
    return confusion


def _accuracy(confusion: Counts) -> dict[str, Any]:
    correct, count = int(np.trace(confusion)), int(confusion.sum())
    lower, upper = wilson_interval(correct, count)
    return {
        "clips": count,
        "accuracy": correct / count,
        "accuracy_lower": lower,
        "accuracy_upper": upper,
    }


def rejection(manifest: Manifest, spoken: Sequence[str], posteriors: FloatArray) -> dict[str, Any]:
    """Figures of a model with labels that are no words; empty for other models.

    ``words_alone``: accuracy on clips of words when only the words may be predicted, as for a
    model of a closed set. ``false_accept_rate``: for each label that is no word of the model,
    the share of clips in which a word reaches the detector's threshold.
    """
    is_word = [is_keyword(label) for label in manifest.labels]
    if all(is_word):
        return {}
    words = posteriors[:, is_word]  # [clips, words]
    keywords = np.array(manifest.keywords)
    detector = manifest.detector
    limits = [detector.threshold_of(word) for word in manifest.keywords]
    of_word = np.isin(spoken, keywords)
    right = keywords[words.argmax(axis=1)] == np.array(spoken)
    reached = (words >= np.array(limits, np.float32)).any(axis=1)
    others = sorted(set(spoken) - set(keywords))
    return {
        "words_alone": _share(right[of_word]),
        "false_accept_rate": {
            label: _share(reached[np.array(spoken) == label]) for label in others
        },
    }


def _share(hits: npt.NDArray[np.bool_]) -> dict[str, float]:
    count, number = int(hits.sum()), len(hits)
    lower, upper = wilson_interval(count, number)
    share = count / number if number else 0.0
    return {"clips": number, "count": count, "share": share, "lower": lower, "upper": upper}


def write_report(result: dict[str, Any], folder: Path) -> list[Path]:
    """``<model>.json``, ``<model>-confusion.csv`` and ``.png`` below ``folder``."""
    from training.plots import draw_confusion

    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / result["model"]
    report, table = (
        stem.with_name(f"{stem.name}.json"),
        stem.with_name(f"{stem.name}-confusion.csv"),
    )
    report.write_text(json.dumps(result, indent=1) + "\n")
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["spoken", *result["labels"]])
        for label, row in zip(result["labels"], result["confusion"], strict=True):
            writer.writerow([label, *row])
    picture = table.with_suffix(".png")
    title = f"{result['model']}: {result['accuracy']:.1%} of {result['clips']} clips"
    draw_confusion(np.array(result["confusion"]), result["labels"], title, picture)
    return [report, table, picture]


def posteriors_of(classifier: Classifier, features: FloatArray) -> FloatArray:
    """``[clips, labels]`` of ``features [clips, frames, width]``, one clip at a time."""
    return np.stack([classifier(window) for window in features])


def read_report(path: Path, command: str, manifest: Manifest) -> dict[str, Any]:
    """The report that ``command`` wrote about this model.

    Raises `MissingFileError`, and `DataError` for another model's report or other content.
    """
    try:
        report: dict[str, Any] = json.loads(path.read_text())
        described = (report["model"], report["run_id"])
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a report of '{command}' ({error!r})") from error
    if described != (manifest.name, manifest.run_id):
        raise DataError(
            f"{path}: is about {described[0]} (run {described[1]}), not about {manifest.name}"
            f" (run {manifest.run_id})"
        )
    return report
