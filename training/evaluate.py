"""How good a model file is: recordings through the runtime's own code."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.audio import one_window, read_audio
from kws_edge.features import FrontEnd
from kws_edge.interpreter import interpreter_name
from kws_edge.latency import measure
from kws_edge.model import Classifier
from kws_edge.model_file import read_model
from training.dataset.index import Clip
from training.provenance import machine
from training.statistics import wilson_interval

Counts = npt.NDArray[np.int64]


def evaluate(
    model: Path,
    clips: Sequence[Clip],
    data: str,
    *,
    repetitions: int = 200,
    progress: Callable[[Sequence[Clip]], Any] = iter,
) -> dict[str, Any]:
    """Accuracy with its 95 % interval, confusion, latency and size, ready for JSON.

    ``data`` says in words what the clips are. 1 KB is 1024 bytes.
    """
    file = read_model(model)
    classifier = Classifier(file)
    confusion = confusion_of(classifier, clips, progress)
    correct, count = int(np.trace(confusion)), int(confusion.sum())
    lower, upper = wilson_interval(correct, count)
    latency = measure(classifier, repetitions)
    return {
        "model": file.manifest.name,
        "run_id": file.manifest.run_id,
        "git_commit": file.manifest.git_commit,
        "data": data,
        "clips": count,
        "accuracy": correct / count,
        "accuracy_lower": lower,
        "accuracy_upper": upper,
        "labels": list(file.manifest.labels),
        "confusion": confusion.tolist(),
        "latency_ms": {
            name: {"median": value.median_ms, "p95": value.p95_ms}
            for name, value in latency.items()
        },
        "size_kb": file.size / 1024,
        "interpreter": interpreter_name(),
        "machine": machine(),
    }


def confusion_of(
    classifier: Classifier,
    clips: Sequence[Clip],
    progress: Callable[[Sequence[Clip]], Any] = iter,
) -> Counts:
    """``[labels, labels]``: rows are what was spoken, columns what was heard."""
    config, labels = classifier.manifest.features, classifier.manifest.labels
    front_end = FrontEnd(config)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    for clip in progress(clips):
        audio = read_audio(clip.path, config.sample_rate)
        posteriors = classifier(front_end(one_window(audio, config.window_samples)))
        confusion[labels.index(clip.label), int(np.argmax(posteriors))] += 1
    return confusion


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
