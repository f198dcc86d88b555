"""``listen``: detections from the microphone, a file or a pipe."""

import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

import click

from kws_edge.audio.files import RATES_HERTZ
from kws_edge.boundary import os_reason
from kws_edge.cli.completion import complete_files
from kws_edge.cli.options import PATH, config_options, json_option, loaded_config
from kws_edge.config.config import Config
from kws_edge.daemon.control import make_spotter
from kws_edge.daemon.daemon import Daemon
from kws_edge.daemon.live_view import LiveView, summary_of
from kws_edge.daemon.systemd import is_main_process
from kws_edge.detection.detector import Detection
from kws_edge.detection.scoring import SpokenWord, read_label_track, score
from kws_edge.engine import Engine
from kws_edge.errors import AddressError, MissingFileError
from kws_edge.events import Event
from kws_edge.metrics import Metrics, Relay
from kws_edge.model.file import demo_recording
from kws_edge.model.interpreter import interpreter_name
from kws_edge.process import log_to_stderr, process_signals, write_all
from kws_edge.sinks import SINKS
from kws_edge.sinks.build import SinkContext, Stdout, recent_audio
from kws_edge.sinks.page import PageConfig
from kws_edge.sinks.stdout import human_line
from kws_edge.sources.base import AudioFile, AudioSource, Block, Paced
from kws_edge.sources.microphone import ReconnectingMicrophone
from kws_edge.sources.pipe import MOST_CHANNELS, AudioPipe, StreamFormat
from kws_edge.spotter import Decision
from kws_edge.spotter_group import AnySpotter

# Sinks are made for live audio: clips are cut from the last seconds, and a queue that is full
# drops events. A pipe from a microphone never reaches this speed.
SPEED_WITH_SINKS = 4.0
LOG_LINE = "kws-edge: %(message)s"


@click.command(context_settings={"allow_extra_args": True})
@click.pass_context
@click.option(
    "--input",
    "-i",
    "input_",
    shell_complete=complete_files,
    help="A sound file, or - for stdin: WAV or AU as it comes, or raw 16-bit PCM. A named pipe is"
    " read as stdin is.",
)
@click.option(
    "--rate",
    type=click.IntRange(*RATES_HERTZ),
    help="Of raw PCM: samples a second.  [default: the model's, 16000]",
)
@click.option(
    "--channels",
    type=click.IntRange(1, MOST_CHANNELS),
    help="Of raw PCM: channels, which are averaged.  [default: 1]",
)
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
@click.option(
    "--reload-on-hangup",
    is_flag=True,
    help="SIGHUP reads the configuration again, as under systemd; else it ends the program.",
)
@click.option("--plain", is_flag=True, help="Lines, not a live view, on a terminal too.")
@json_option
@config_options()
def command(
    context: click.Context,
    /,
    input_: str | None,
    rate: int | None,
    channels: int | None,
    demo: bool,
    sinks: bool,
    pace: str | None,
    labels: Path | None,
    wait: bool,
    plain: bool,
    reload_on_hangup: bool,
    as_json: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Spot keywords live, in a file or in a pipe.

    Prints each as it is spotted: time in the stream, keyword, score.

    The default source is the microphone; the configured sinks get the same events. A file or a
    pipe goes to stdout alone, unless --sinks is given. Ctrl-C ends.
    """
    process_signals().on_hangup(reload_on_hangup or is_main_process())
    for file in context.args:
        raise click.UsageError(f"unexpected argument {file!r}; a sound file: --input {file}")
    loaded = loaded_config(config, given)
    _check_source(input_, demo, loaded.config, raw=bool(rate or channels))
    reload = lambda: loaded_config(config, given).config  # noqa: E731
    if demo:
        input_, pace = str(demo_recording()), pace or "real"
        labels = labels or demo_recording().with_suffix(".labels.txt")
    if input_ is None:
        _listen_to_microphone(loaded.config, reload, wait=wait, plain=plain, as_json=as_json)
    else:
        source = _Input(input_, pace, rate, channels)
        _listen_to_input(loaded.config, reload, source, sinks, labels, as_json)


@click.command()
@click.option("--demo", is_flag=True, help="The bundled recording, instead of a microphone.")
@config_options()
def ui(config: Path | None, demo: bool, **given: Any) -> None:
    """Listen to the microphone and serve a page for the browser.

    Its address is printed at the start. Without page: in the configuration it is
    http://127.0.0.1:9755/, and labelled clips go to ./recordings; --clips-folder saves clips.
    """
    process_signals().on_hangup(is_main_process())

    def reload() -> Config:
        return with_page(loaded_config(config, given).config)

    loaded = reload()
    _check_source(None, demo, loaded, raw=False)
    _check_free(loaded.sinks["page"])
    if demo:
        source = _Input(str(demo_recording()), "real", None, None)
        _listen_to_input(loaded, reload, source, sinks=True, labels=None, as_json=False)
    else:
        _listen_to_microphone(loaded, reload, wait=True, plain=True, as_json=False)


def with_page(config: Config) -> Config:
    """The configuration with a page, and with a folder for labelled clips."""
    page: PageConfig = config.sinks.get("page", PageConfig())
    page = replace(page, recordings=page.recordings or Path("recordings"))
    return replace(config, sinks={**config.sinks, "page": page})


def _check_free(page: PageConfig) -> None:
    """Raises `AddressError` where the page cannot be served: without it `ui` is of no use, while a
    daemon goes on and tries again."""
    try:
        family = socket.AF_INET6 if ":" in page.host else socket.AF_INET
        socket.create_server((page.host, page.port), family=family).close()
    except OSError as error:
        raise AddressError(f"cannot serve {page.host}:{page.port}: {os_reason(error)}") from error


def _check_source(input_: str | None, demo: bool, config: Config, raw: bool) -> None:
    """Raises `click.UsageError` for two sources, or the format of raw PCM with other audio."""
    if sum([input_ is not None, demo, config.microphone.device is not None]) > 1:
        raise click.UsageError("--input, --demo and --device exclude each other")
    if raw and not (input_ and _is_pipe(input_)):
        raise click.UsageError("--rate and --channels describe raw PCM, with --input -")


def banner(source: str, spotter: AnySpotter) -> str:
    words = ", ".join(spotter.active_keywords)
    muted = "muted, not " * spotter.muted
    return f"{muted}listening to {source} for {words} ({spotter.name}, {interpreter_name()})"


def _listen_to_input(
    config: Config,
    reload: Callable[[], Config],
    input_: "_Input",
    sinks: bool,
    labels: Path | None,
    as_json: bool,
) -> None:
    """A file or a pipe to stdout; with ``sinks`` to the configured ones too, until a signal."""
    spoken = read_label_track(labels) if labels else None
    found = _Found()
    observers = [] if spoken is None else [found]  # an endless stream would fill the memory
    spotter = make_spotter(config)
    source = input_.open(spotter.features.sample_rate, sinks)
    if sinks:
        context = _sink_context(config, spotter, Stdout(human=not as_json))
        log = log_to_stderr(LOG_LINE)
        daemon = Daemon(config, spotter, context, reload, observers)
        announce = partial(log.write, banner(input_.name, spotter))
        daemon.run(source, announce, process_signals())
    else:
        click.echo(banner(input_.name, spotter), err=True)
        engine = Engine(
            spotter, observers=[*observers, _Printer(as_json)], sequences=config.sequences
        )
        _run(engine, source)
    if spoken is not None:
        # Ctrl-C: a word that was not played yet is none that was missed
        seconds = spotter.samples_processed / spotter.features.sample_rate
        played = [word for word in spoken if word.end <= seconds]
        click.echo(_comparison(found.detections, played, spotter.active_keywords), err=as_json)


def _listen_to_microphone(
    config: Config, reload: Callable[[], Config], *, wait: bool, plain: bool, as_json: bool
) -> None:
    """Listen until a signal; ``wait`` for a microphone that is not there yet.

    On a terminal a live view, or lines where ``plain`` or TERM=dumb ask for them; elsewhere
    JSON lines, unless ``plain``.
    """
    log, signals = log_to_stderr(LOG_LINE), process_signals()
    spotter = make_spotter(config)
    if signals.stopped_by:
        return
    rate = spotter.features.sample_rate
    terminal = sys.stdout.isatty() and not as_json
    if terminal and not plain and os.environ.get("TERM", "dumb") != "dumb":
        colour = not os.environ.get("NO_COLOR")
        write = lambda text: write_all(1, text.encode(errors="replace"))  # noqa: E731
        view = LiveView(write, spotter.labels, rate, colour, muted=config.mute)
    else:
        view = None
    human = plain or terminal
    context = _sink_context(config, spotter, None if view else Stdout(human=human))
    with ExitStack() as stack:
        daemon = Daemon(config, spotter, context, reload, [view] if view else [])
        stack.callback(daemon.sinks.close)  # where the microphone did not open
        if view:
            view.on_closed = lambda: daemon.engine.stop("the terminal was closed")
            if sys.stderr.isatty():  # else stderr goes elsewhere
                stack.enter_context(redirect_stderr(cast(TextIO, view)))
                stack.enter_context(log.diverted(view.write))
            stack.enter_context(view)
        microphone = ReconnectingMicrophone(rate, config.microphone, daemon.microphone, wait)
        signals.when_stopped(daemon.engine.stop)
        signals.when_stopped(lambda _: microphone.close())
        stack.enter_context(microphone)
        announce = partial(log.write, banner("the microphone", spotter))
        daemon.run(microphone, announce, signals)
        if human and not view and (summary := _summary(context)):
            log.write(LOG_LINE % {"message": summary})


def _summary(context: SinkContext) -> str:
    metrics = context.metrics
    assert metrics
    lost_seconds = metrics.samples_dropped / context.sample_rate
    return summary_of(metrics.audio_seconds(), lost_seconds, metrics.detections)


def _sink_context(config: Config, spotter: AnySpotter, stdout: Stdout | None) -> SinkContext:
    rate = spotter.features.sample_rate
    models = {one.name: one.keywords for one in spotter.members}
    return SinkContext(
        labels=spotter.labels,
        model_name=spotter.name,
        sample_rate=rate,
        ring=recent_audio(config, rate),
        metrics=Metrics(spotter.name, spotter.labels, models=models),
        stdout=stdout,
        relay=Relay(),
    )


def _is_pipe(input_: str) -> bool:
    """Whether audio comes as it is made: stdin, a named pipe, a process substitution."""
    return input_ == "-" or Path(input_).is_fifo()


@dataclass(frozen=True)
class _Input:
    """What --input names and how fast it is read; of raw PCM, rate in Hz and channels."""

    path: str
    pace: str | None
    rate: int | None
    channels: int | None

    @property
    def name(self) -> str:
        return "standard input" if self.path == "-" else self.path

    def open(self, sample_rate: int, sinks: bool) -> AudioSource:
        source: AudioSource
        if _is_pipe(self.path):
            raw = StreamFormat(self.rate or sample_rate, self.channels or 1)
            source = AudioPipe(self._stream(), sample_rate, raw, self.name)
        else:
            source = AudioFile(self.path, sample_rate)
        if self.pace == "real":
            return Paced(source, sample_rate)
        unpaced = not sinks or self.pace is not None
        return source if unpaced else Paced(source, sample_rate, SPEED_WITH_SINKS)

    def _stream(self) -> BinaryIO:
        if self.path == "-":
            return sys.stdin.buffer
        try:
            return Path(self.path).open("rb")  # waits for a program that writes into it
        except OSError as error:
            raise MissingFileError(f"{self.path}: {error.strerror}") from error


def _run(engine: Engine, source: AudioSource) -> None:
    """To the end of the source or Ctrl-C. A slow reader slows it down and loses nothing."""
    with suppress(KeyboardInterrupt), process_signals() as signals, signals.interruptible():
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
    """An observer that keeps all detections, of sequences their words."""

    def __init__(self) -> None:
        self.detections: list[Detection] = []

    def block(self, block: Block) -> None: ...

    def decision(self, decision: Decision) -> None: ...

    def event(self, event: Event) -> None:
        if event.type == "detection":
            words = event.data.get("words", [event.data["label"]])
            times = event.data.get("times_s", [event.time_s])
            self.detections += [
                Detection(word, event.data["score"], event.sample, time_s)
                for word, time_s in zip(words, times, strict=True)
            ]


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
