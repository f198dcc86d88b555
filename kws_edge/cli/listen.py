"""``listen``: live detection on the microphone, or the same over a file or a pipe."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from kws_edge.cli.config_options import config_options, loaded_config
from kws_edge.cli.options import PATH, json_option
from kws_edge.config.config import Config
from kws_edge.config.settings import Loaded
from kws_edge.detection.detector import Detection
from kws_edge.detection.scoring import SpokenWord, read_label_track, score
from kws_edge.engine import spot
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.events import EventFactory
from kws_edge.model.bundled import demo_recording, find_model
from kws_edge.model.classifier import Classifier
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.manifest import Manifest
from kws_edge.sinks.build import sink_needs
from kws_edge.sinks.stdout import human_line
from kws_edge.sources.base import AudioFile, AudioSource, Paced, RawPcm
from kws_edge.spotter import KeywordSpotter


@click.command()
@click.option("--input", "-i", "input_", help="A sound file, or - for raw 16-bit PCM on stdin.")
@click.option("--demo", is_flag=True, help="The recording that ships, instead of a microphone.")
@click.option(
    "--pace",
    type=click.Choice(["real", "max"]),
    help="Of a file: as it was spoken, or as fast as it goes.  [default: max; real with --demo]",
)
@click.option("--labels", type=PATH, help="Label track of the input; at the end, compare with it.")
@click.option("--wait", is_flag=True, help="Wait for a microphone that is not there yet.")
@click.option("--plain", is_flag=True, help="Lines, not a live view, on a terminal too.")
@json_option
@config_options
def command(
    input_: str | None,
    demo: bool,
    pace: str | None,
    labels: Path | None,
    wait: bool,
    plain: bool,
    as_json: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Tell of each keyword as it is spotted: time in the stream, keyword, score.

    The microphone is the default source; what the configuration names besides (commands,
    MQTT, metrics, saved triggers) is told too. A file or a pipe goes to stdout alone.
    Ctrl-C ends.
    """
    loaded = loaded_config(config, given)
    if sum([input_ is not None, demo, loaded.config.microphone.device is not None]) > 1:
        raise click.UsageError("--input, --demo and --device exclude each other")
    if demo:
        input_, pace = str(demo_recording()), pace or "real"
        labels = labels or demo_recording().with_suffix(".labels.txt")
    if input_ is None:
        from kws_edge.cli.live import listen_live

        reload = lambda: loaded_config(config, given)  # noqa: E731
        return listen_live(loaded, reload, wait=wait, plain=plain, as_json=as_json)
    return _listen_to_input(loaded, input_, pace or "max", labels, as_json)


def make_spotter(config: Config) -> tuple[KeywordSpotter, Manifest]:
    """The spotter of a configuration. Raises `ConfigError` where the model does not fit it."""
    classifier = Classifier.load(find_model(config.model), config.threads)
    near_miss = sink_needs(config).near_miss
    try:
        manifest = classifier.manifest
        detector = config.detector.applied_to(manifest.detector, manifest.presets)
        return KeywordSpotter(classifier, detector, near_miss=near_miss), manifest
    except ValidationErrors as error:
        raise ConfigError(f"detector.{error}") from error


def banner(source: str, manifest: Manifest) -> str:
    words = ", ".join(manifest.keywords)
    return f"listening to {source} for {words} ({manifest.name}, {interpreter_name()})"


def _listen_to_input(
    loaded: Loaded, input_: str, pace: str, labels: Path | None, as_json: bool
) -> None:
    spoken = read_label_track(labels) if labels else None
    spotter, manifest = make_spotter(loaded.config)
    rate = spotter.features.sample_rate
    events = EventFactory(rate)
    found: list[Detection] = []
    with _source(input_, pace, rate) as source, suppress(KeyboardInterrupt):
        click.echo(banner("standard input" if input_ == "-" else input_, manifest), err=True)
        for detection in spot(source, spotter):
            if spoken is not None:  # else a stream without end would fill the memory
                found.append(detection)
            event = events.detection(detection)
            click.echo(event.to_json() if as_json else human_line(event))
            sys.stdout.flush()
    if spoken is not None:
        click.echo(_comparison(found, spoken, manifest.keywords), err=as_json)


@contextmanager
def _source(input_: str, pace: str, sample_rate: int) -> Iterator[AudioSource]:
    source: AudioSource = (
        RawPcm(sys.stdin.buffer, sample_rate)
        if input_ == "-"
        else AudioFile(Path(input_), sample_rate)
    )
    yield Paced(source, sample_rate) if pace == "real" else source


def _comparison(found: list[Detection], spoken: list[SpokenWord], keywords: tuple[str, ...]) -> str:
    result = score(found, spoken, keywords)
    total = len(result.hits) + len(result.misses)
    others = sum(word.label not in (*keywords, "_silence_") for word in spoken)
    missed = ", ".join(f"{word.label} at {word.start:.1f} s" for word in result.misses)
    return (
        f"spoken: {total} keywords and {others} other words; spotted"
        f" {len(result.hits)} of {total}{f' (missed {missed})' if missed else ''}, and"
        f" {len(result.false_accepts)} times where no such keyword was spoken"
    )
