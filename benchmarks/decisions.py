"""Time of one decision with each of some model files, as JSON: what `.architectures` runs."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from benchmarks.features import measure
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier, StreamingClassifier
from kws_edge.model.probe import probe_signal


def decision(path: Path) -> Callable[[], object]:
    """A call that decides on a window, one chunk later each time where the model streams."""
    classifier = Classifier.load(path)
    config, follow = classifier.manifest.features, StreamingClassifier(classifier)
    window = FrontEnd(config)(probe_signal(config))
    frames_seen = itertools.count(len(window), follow.chunk_frames)
    return lambda: follow(window, next(frames_seen))


@click.command()
@click.argument("seconds", type=float)
@click.argument("files", nargs=-1, required=True)
def main(seconds: float, files: tuple[str, ...]) -> None:
    """Median ms of a decision by FILE, all of them in turn for SECONDS."""
    times = measure({file: decision(Path(file)) for file in files}, seconds)
    click.echo(json.dumps({file: float(np.median(taken)) for file, taken in times.items()}))


if __name__ == "__main__":
    main()
