"""``listen``: live detection, or the same over a file or a pipe."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from kws_edge.cli.options import PATH, json_option, model_option, threads_option
from kws_edge.detector import Detection, DetectorConfig
from kws_edge.errors import ConfigError, Faults
from kws_edge.events import SpokenWord, read_label_track, score
from kws_edge.interpreter import interpreter_name
from kws_edge.model import Classifier
from kws_edge.pipeline import spot
from kws_edge.shipped import demo_recording, find_model
from kws_edge.sources import AudioFile, AudioSource, Paced, RawPcm
from kws_edge.spotter import KeywordSpotter


@click.command()
@model_option
@click.option("--input", "-i", "input_", help="A sound file, or - for raw 16-bit PCM on stdin.")
@click.option("--demo", is_flag=True, help="The recording that ships, instead of a microphone.")
@click.option("--device", "-d", help="Microphone: its index, name or part of it ('devices').")
@click.option(
    "--pace",
    type=click.Choice(["real", "max"]),
    help="Of a file: as it was spoken, or as fast as it goes.  [default: max; real with --demo]",
)
@click.option("--labels", type=PATH,
              help="Label track of the input; at the end, compare with it.")  # fmt: skip
@click.option("--threshold", type=float, help="Score that counts as spotted, 0 to 1.")
@click.option("--smoothing-ms", type=float, help="Time over which posteriors are averaged.")
@click.option("--refractory-ms", type=float, help="Pause after a detection.")
@click.option("--hop-ms", type=float, help="Time between two decisions.")
@threads_option
@json_option
def command(
    model: str,
    input_: str | None,
    demo: bool,
    device: str | None,
    pace: str | None,
    labels: Path | None,
    threads: int,
    as_json: bool,
    **overrides: float | None,
) -> None:
    """Print a line for each keyword as it is spotted: time in the stream, keyword, score.

    The microphone is the default source. Ctrl-C ends.
    """
    if sum([input_ is not None, demo, device is not None]) > 1:
        raise click.UsageError("--input, --demo and --device exclude each other")
    if demo:
        input_, pace = str(demo_recording()), pace or "real"
        labels = labels or demo_recording().with_suffix(".labels.txt")
    spoken = read_label_track(labels) if labels else None
    classifier = Classifier.load(find_model(model), threads)
    spotter = KeywordSpotter(classifier, _configured(classifier, overrides))
    found = []
    rate = spotter.features.sample_rate
    # Ctrl-C is the way to end a live session
    with _source(input_, device, pace or "max", rate) as source, suppress(KeyboardInterrupt):
        click.echo(_banner(spotter, classifier, input_), err=True)
        for detection in spot(source, spotter):
            found.append(detection)
            _print(detection, as_json)
    if spoken is not None:
        _compare(found, spoken, classifier.manifest.labels, as_json)


def _configured(classifier: Classifier, overrides: dict[str, float | None]) -> DetectorConfig:
    given = {name: value for name, value in overrides.items() if value is not None}
    if "threshold" in given:
        given["thresholds"] = {}  # type: ignore[assignment]  # one asked for is for all
    try:
        return dataclasses.replace(classifier.manifest.detector, **given)  # type: ignore[arg-type]
    except Faults as error:
        raise ConfigError(f"--{str(error).replace('_', '-')}") from error


@contextmanager
def _source(
    input_: str | None, device: str | None, pace: str, sample_rate: int
) -> Iterator[AudioSource]:
    if input_ is None:
        from kws_edge.microphone import Microphone

        chosen = int(device) if device is not None and device.isdecimal() else device
        with Microphone(sample_rate, chosen) as microphone:
            yield microphone
        return
    source: AudioSource = (
        RawPcm(sys.stdin.buffer, sample_rate)
        if input_ == "-"
        else AudioFile(Path(input_), sample_rate)
    )
    yield Paced(source, sample_rate) if pace == "real" else source


def _banner(spotter: KeywordSpotter, classifier: Classifier, input_: str | None) -> str:
    source = {None: "the microphone", "-": "standard input"}.get(input_, input_)
    words = ", ".join(classifier.manifest.labels)
    return f"listening to {source} for {words} ({classifier.manifest.name}, {interpreter_name()})"


def _print(detection: Detection, as_json: bool) -> None:
    if as_json:
        line = json.dumps({"type": "detection", **dataclasses.asdict(detection)})
    else:
        line = f"{detection.time_s:8.2f} s  {detection.label:<8} {detection.score:.2f}"
    click.echo(line)
    sys.stdout.flush()


def _compare(
    found: list[Detection], spoken: list[SpokenWord], keywords: tuple[str, ...], as_json: bool
) -> None:
    result = score(found, spoken, keywords)
    total = len(result.hits) + len(result.misses)
    missed = ", ".join(f"{word.label} at {word.start:.1f} s" for word in result.misses)
    click.echo(
        f"spoken: {total} keywords and {len(spoken) - total} other words; spotted"
        f" {len(result.hits)} of {total}{f' (missed {missed})' if missed else ''}, and"
        f" {len(result.false_accepts)} times where no such keyword was spoken",
        err=as_json,
    )
