"""``listen``: detections from the microphone, a file or a pipe."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from kws_edge.cli.options import PATH, config_options, json_option, loaded_config
from kws_edge.config.config import Config
from kws_edge.daemon.daemon import Daemon
from kws_edge.daemon.live_view import LiveView
from kws_edge.detection.detector import Detection
from kws_edge.detection.scoring import SpokenWord, read_label_track, score
from kws_edge.engine import Engine
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.events import Event
from kws_edge.metrics import Metrics
from kws_edge.model.file import demo_recording
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.manifest import Manifest
from kws_edge.sinks import SINKS
from kws_edge.sinks.build import SinkContext, Stdout, recent_audio, sink_needs
from kws_edge.sinks.stdout import human_line
from kws_edge.sources.base import AudioFile, AudioSource, Block, Paced, RawPcm
from kws_edge.sources.microphone import ReconnectingMicrophone
from kws_edge.spotter import Decision, KeywordSpotter, load_model
from kws_edge.verifier import Verification

# Sinks are made for live audio: clips are cut from the last seconds, and a queue that is full
# drops events. A pipe from a microphone never reaches this speed.
SPEED_WITH_SINKS = 4.0


@click.command()
@click.option("--input", "-i", "input_", help="A sound file, or - for raw 16-bit PCM on stdin.")
@click.option("--demo", is_flag=True, help="The bundled recording, instead of a microphone.")
@click.option(
    "--sinks",
    is_flag=True,
    help=f"With --input or --demo: drive the configured sinks ({', '.join(SINKS)}) too."
    " The microphone always does.",
)
@click.option(
    "--pace",
    type=click.Choice(["real", "max"]),
    help="Of a file: as it was spoken, or as fast as it goes.  [default: max; real with --demo;"
    f" {SPEED_WITH_SINKS:g} times as fast as spoken with --sinks]",
)
@click.option("--labels", type=PATH, help="Label track of the input; at the end, compare with it.")
@click.option("--wait", is_flag=True, help="Wait for a microphone that is not there yet.")
@click.option("--plain", is_flag=True, help="Lines, not a live view, on a terminal too.")
@json_option
@config_options
def command(
    input_: str | None,
    demo: bool,
    sinks: bool,
    pace: str | None,
    labels: Path | None,
    wait: bool,
    plain: bool,
    as_json: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Print each keyword as it is spotted: time in the stream, keyword, score.

    The default source is the microphone; the configured sinks get the same events. A file or a
    pipe goes to stdout alone, unless --sinks is given. Ctrl-C ends.
    """
    loaded = loaded_config(config, given)
    if sum([input_ is not None, demo, loaded.config.microphone.device is not None]) > 1:
        raise click.UsageError("--input, --demo and --device exclude each other")
    reload = lambda: loaded_config(config, given).config  # noqa: E731
    if demo:
        input_, pace = str(demo_recording()), pace or "real"
        labels = labels or demo_recording().with_suffix(".labels.txt")
    if input_ is None:
        _listen_to_microphone(loaded.config, reload, wait=wait, plain=plain, as_json=as_json)
    else:
        _listen_to_input(loaded.config, reload, input_, pace, sinks, labels, as_json)


def make_spotter(config: Config) -> tuple[KeywordSpotter, Manifest]:
    """The spotter of a configuration. Raises `ConfigError` where the model does not fit it."""
    classifier = load_model(config.model, config.threads)
    verification = load_verification(config)
    near_miss = sink_needs(config).near_miss
    try:
        manifest = classifier.manifest
        detector = config.detector.applied_to(manifest.detector, manifest.presets)
        spotter = KeywordSpotter(
            classifier, detector, near_miss=near_miss, verification=verification
        )
        return spotter, manifest
    except ValidationErrors as error:
        raise ConfigError(f"detector.{error}") from error


def load_verification(config: Config) -> Verification | None:
    """The second stage of a configuration. Raises as `Verification.load`."""
    if config.verifier.model is None:
        return None
    return Verification.load(config.verifier.model, config.verifier.threshold, config.threads)


def banner(source: str, manifest: Manifest) -> str:
    words = ", ".join(manifest.keywords)
    return f"listening to {source} for {words} ({manifest.name}, {interpreter_name()})"


def _listen_to_input(
    config: Config,
    reload: Callable[[], Config],
    input_: str,
    pace: str | None,
    sinks: bool,
    labels: Path | None,
    as_json: bool,
) -> None:
    """A file or a pipe to stdout; with ``sinks`` to the configured ones too, until a signal."""
    spoken = read_label_track(labels) if labels else None
    found = _Found()
    observers = [] if spoken is None else [found]  # an endless stream would fill the memory
    spotter, manifest = make_spotter(config)
    source = _source(input_, pace, spotter.features.sample_rate, sinks)
    name = "standard input" if input_ == "-" else input_
    announce = partial(click.echo, banner(name, manifest), err=True)
    if sinks:
        _log_to_stderr()
        context = _sink_context(config, manifest, Stdout(human=not as_json))
        Daemon(config, spotter, context, reload, observers).run(source, announce)
    else:
        announce()
        _print_detections(source, spotter, observers, as_json)
    if spoken is not None:
        click.echo(_comparison(found.detections, spoken, manifest.keywords), err=as_json)


def _listen_to_microphone(
    config: Config, reload: Callable[[], Config], *, wait: bool, plain: bool, as_json: bool
) -> None:
    """Listen until a signal; ``wait`` for a microphone that is not there yet.

    On a terminal a live view, or lines where ``plain``, NO_COLOR or TERM=dumb ask for them;
    elsewhere JSON lines.
    """
    _log_to_stderr()
    spotter, manifest = make_spotter(config)
    rate = spotter.features.sample_rate
    terminal = sys.stdout.isatty() and not as_json
    view = terminal and not plain and _can_move_the_cursor()
    observers = [LiveView(sys.stdout, manifest.labels, rate)] if view else []
    context = _sink_context(config, manifest, None if view else Stdout(human=terminal))
    daemon = Daemon(config, spotter, context, reload, observers)
    with ReconnectingMicrophone(rate, config.microphone, daemon.microphone, wait) as microphone:
        daemon.run(microphone, lambda: click.echo(banner("the microphone", manifest), err=True))


def _log_to_stderr() -> None:
    logging.basicConfig(format="kws-edge: %(message)s", level=logging.INFO, stream=sys.stderr)


def _can_move_the_cursor() -> bool:
    return "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"


def _sink_context(config: Config, manifest: Manifest, stdout: Stdout | None) -> SinkContext:
    rate = manifest.features.sample_rate
    return SinkContext(
        labels=manifest.labels,
        model_name=manifest.name,
        sample_rate=rate,
        ring=recent_audio(config, rate),
        metrics=Metrics(manifest.name, manifest.labels),
        stdout=stdout,
    )


def _source(input_: str, pace: str | None, sample_rate: int, sinks: bool) -> AudioSource:
    source: AudioSource = (
        RawPcm(sys.stdin.buffer, sample_rate) if input_ == "-" else AudioFile(input_, sample_rate)
    )
    if pace == "real":
        return Paced(source, sample_rate)
    return Paced(source, sample_rate, SPEED_WITH_SINKS) if sinks and pace is None else source


def _print_detections(
    source: AudioSource, spotter: KeywordSpotter, observers: list["_Found"], as_json: bool
) -> None:
    """To the end of the source or Ctrl-C. A slow reader slows it down and loses nothing."""
    engine = Engine(spotter, observers=[_Printer(as_json), *observers])
    with suppress(KeyboardInterrupt):
        for _ in engine.run(source):
            pass


class _Printer:
    """An observer that writes each detection to stdout."""

    def __init__(self, as_json: bool) -> None:
        self._line = Event.to_json if as_json else human_line

    def block(self, block: Block) -> None: ...

    def decision(self, decision: Decision) -> None: ...

    def event(self, event: Event) -> None:
        if event.type == "detection":
            click.echo(self._line(event))
            sys.stdout.flush()


class _Found:
    """An observer that keeps all detections."""

    def __init__(self) -> None:
        self.detections: list[Detection] = []

    def block(self, block: Block) -> None: ...

    def decision(self, decision: Decision) -> None: ...

    def event(self, event: Event) -> None:
        if event.type == "detection":
            data = event.data
            self.detections.append(
                Detection(data["label"], data["score"], event.sample, event.time_s)
            )


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
