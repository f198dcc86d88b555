"""``listen`` on the microphone: the daemon, on a terminal or under a service manager."""

import logging
import os
import sys
from collections.abc import Callable

import click

from kws_edge.cli.listen import banner, make_spotter
from kws_edge.config.config import Config
from kws_edge.config.settings import Loaded
from kws_edge.daemon.daemon import Daemon, Observer
from kws_edge.daemon.live_view import LiveView
from kws_edge.metrics import Metrics
from kws_edge.model.manifest import Manifest
from kws_edge.sinks.build import SinkContext, Stdout, recent_audio
from kws_edge.sources.reconnecting import ReconnectingMicrophone


def listen_live(
    loaded: Loaded, reload: Callable[[], Loaded], *, wait: bool, plain: bool, as_json: bool
) -> None:
    """Listen until a signal; ``wait`` for a microphone that is not there yet.

    On a terminal a live view, or lines where ``plain``, NO_COLOR or TERM=dumb ask for them;
    elsewhere JSON lines.
    """
    logging.basicConfig(format="kws-edge: %(message)s", level=logging.INFO, stream=sys.stderr)
    config = loaded.config
    spotter, manifest = make_spotter(config)
    terminal = sys.stdout.isatty() and not as_json
    view = terminal and not plain and _can_move_the_cursor()
    observers: list[Observer] = []
    if view:
        observers.append(LiveView(sys.stdout, manifest.labels, spotter.features.sample_rate))
    stdout = None if view else Stdout(human=terminal)
    around = _surroundings(config, manifest, stdout)
    daemon = Daemon(config, spotter, around, lambda: reload().config, observers)
    rate = spotter.features.sample_rate
    with ReconnectingMicrophone(rate, config.microphone, daemon.microphone, wait) as microphone:
        daemon.run(microphone, lambda: click.echo(banner("the microphone", manifest), err=True))


def _can_move_the_cursor() -> bool:
    return "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"


def _surroundings(config: Config, manifest: Manifest, stdout: Stdout | None) -> SinkContext:
    rate = manifest.features.sample_rate
    return SinkContext(
        labels=manifest.labels,
        model_name=manifest.name,
        sample_rate=rate,
        ring=recent_audio(config, rate),
        metrics=Metrics(manifest.name, manifest.labels),
        stdout=stdout,
    )
