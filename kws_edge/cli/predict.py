"""``predict``: the most likely label of each of many files."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import numpy as np

from kws_edge.audio.files import AUDIO_SUFFIXES, audio_files, read_window
from kws_edge.boundary import printable
from kws_edge.cli.options import PATH, json_option, model_option, threads_option
from kws_edge.errors import KwsEdgeError, MissingFileError
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import find_model


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
@model_option
@threads_option
@json_option
def command(files: tuple[Path, ...], model: str, threads: int, as_json: bool) -> int:
    """Name the most likely keyword of each sound file.

    FILES have any format that libsndfile reads, or are pipes; folders are searched.

    Models with these labels answer _unknown_ for another word and _silence_ for no word.
    Any sample rate and channel count works. In a file longer than the model's window the
    loudest window counts. A file that cannot be used is reported and the rest goes on; the
    exit code is then that of the last such fault.
    """
    classifier = Classifier.load(find_model(model), threads)
    front_end = FrontEnd(classifier.manifest.features)
    paths: list[Path | KwsEdgeError] = list(_expand(files))
    code = 0
    for path in _with_progress(paths):
        try:
            if isinstance(path, KwsEdgeError):
                raise path
            click.echo(_predict(path, classifier, front_end, as_json))
        except KwsEdgeError as error:
            click.echo(f"kws-edge: {error}", err=True)
            code = error.exit_code
    return code


def _predict(path: Path, classifier: Classifier, front_end: FrontEnd, as_json: bool) -> str:
    config = front_end.config
    window = read_window(path, config.sample_rate, config.window_samples)
    posteriors = classifier(front_end(window))
    labels = classifier.manifest.labels
    best = int(np.argmax(posteriors))
    if not as_json:
        return f"{printable(str(path))}\t{labels[best]}\t{posteriors[best]:.3f}"
    by_label = dict(zip(labels, (round(float(p), 6) for p in posteriors), strict=True))
    result = {"path": str(path), "label": labels[best], "score": by_label[labels[best]]}
    # ASCII: JSON is UTF-8, whatever the encoding of stdout, and a file name may be no text at all
    return json.dumps({**result, "posteriors": by_label})


def _expand(files: Iterable[Path]) -> Iterator[Path | KwsEdgeError]:
    for path in files:
        if not path.is_dir():
            yield path
            continue
        try:
            inside = audio_files(path)
        except OSError as error:
            yield MissingFileError(f"{path}: {error.strerror}")
            continue
        if not inside:
            yield MissingFileError(
                f"{path}: no sound files in this folder ({', '.join(AUDIO_SUFFIXES)})"
            )
        yield from inside


def _with_progress(paths: list[Path | KwsEdgeError]) -> Iterator[Path | KwsEdgeError]:
    """A bar on stderr where that is a terminal and results go elsewhere."""
    if len(paths) < 2 or sys.stdout.isatty() or not sys.stderr.isatty():
        yield from paths
        return
    with click.progressbar(paths, label="predicting", file=sys.stderr, show_pos=True) as bar:
        yield from bar
