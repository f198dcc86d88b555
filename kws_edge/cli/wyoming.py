"""``wyoming``: a wake-word server for Home Assistant and others."""

import asyncio
import importlib.util
import logging
import socket

import click

from kws_edge.cli.completion import complete_models, complete_presets
from kws_edge.cli.options import model_option, threads_option
from kws_edge.config.config import DetectorOverrides
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.extras import not_installed
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import find_model
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.manifest import Manifest
from kws_edge.process import log_to_stderr
from kws_edge.spotter import KeywordSpotter
from kws_edge.verifier import THRESHOLD, Verification
from kws_edge.wyoming.endpoint import Endpoint

MAX_NAME = 63  # bytes, of a service in DNS


def _number_or_off(
    _context: click.Context, _: click.Parameter, value: str | None
) -> float | str | None:
    try:
        return value if value in (None, "off") else float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a number nor off") from None


@click.command()
@click.option(
    "--uri",
    default="tcp://127.0.0.1:10400",
    help="Where to listen: tcp://HOST:PORT or unix:///PATH. All of the network:"
    " tcp://0.0.0.0:10400.",
)
@click.option(
    "--zeroconf",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Announce the server in the local network, as NAME.",
)
@model_option
@click.option(
    "--preset",
    shell_complete=complete_presets,
    help="Detector settings that the model has under this name.",
)
@click.option("--threshold", type=float, help="Score that counts as spotted, 0 to 1.")
@click.option("--smoothing-ms", type=float, help="Time over which posteriors are averaged.")
@click.option("--refractory-ms", type=float, help="Pause after a detection.")
@click.option("--hop-ms", type=float, help="Time between two decisions.")
@click.option(
    "--gate-dbfs",
    callback=_number_or_off,
    metavar="LEVEL",
    help="Rest while the room is below this level; off: never.",
)
@click.option(
    "--repeat-ms",
    callback=_number_or_off,
    metavar="MS",
    help="Report a keyword that stays above its threshold again after this time; off: never.",
)
@click.option(
    "--verifier",
    shell_complete=complete_models,
    help="A second model that confirms each detection, or a bundled one.",
)
@click.option(
    "--verifier-threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=THRESHOLD,
    help="The verifier's score from which a detection counts.",
)
@click.option(
    "--language",
    "languages",
    multiple=True,
    default=["en"],
    help="Language of the keywords in the server's description. May be repeated.",
)
@click.option(
    "--max-clients",
    type=click.IntRange(min=1),
    default=16,
    help="More are refused, unless one was idle for 30 s: it loses its place.",
)
@click.option(
    "--max-per-address",
    type=click.IntRange(min=1),
    help="Clients of one address of another machine.  [default: three quarters of --max-clients]",
)
@threads_option
@click.option("--verbose", "-v", is_flag=True, help="Log every client that comes and goes.")
def command(
    uri: str,
    zeroconf: str | None,
    model: str,
    verifier: str | None,
    verifier_threshold: float,
    languages: tuple[str, ...],
    max_clients: int,
    max_per_address: int | None,
    threads: int,
    verbose: bool,
    **overrides: str | float | None,
) -> None:
    """Spot keywords for clients of the Wyoming protocol.

    Home Assistant and its satellites use it for their wake words. One line on stderr for
    each detection and each fault; SIGTERM or Ctrl-C ends.
    """
    _need("wyoming", "wyoming")
    from kws_edge.wyoming.client import ClientSession
    from kws_edge.wyoming.places import Places
    from kws_edge.wyoming.protocol import wake_info
    from kws_edge.wyoming.server import WyomingServer

    endpoint = Endpoint.from_uri(uri)
    name = None if zeroconf is None else _announced_as(zeroconf)
    log = log_to_stderr("%(message)s", logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("asyncio").setLevel("ERROR")
    classifier = Classifier.load(find_model(model), threads)
    verification = (
        Verification.load(verifier, verifier_threshold, threads) if verifier is not None else None
    )
    config = _configured(classifier, overrides, verification)
    info = wake_info(classifier.manifest, languages)
    log.write(_banner(classifier.manifest))
    server = WyomingServer(
        lambda client: ClientSession(classifier, config, info, client, verification),
        Places(max_clients, max_per_address),
    )
    asyncio.run(server.run(endpoint, name))


def _configured(
    classifier: Classifier,
    overrides: dict[str, str | float | None],
    verification: Verification | None,
) -> DetectorConfig:
    """Raises `ConfigError` now, rather than when the first client comes."""
    try:
        manifest = classifier.manifest
        given = DetectorOverrides(**overrides)  # type: ignore[arg-type]
        config = given.applied_to(manifest.detector, manifest.presets)
        return KeywordSpotter(classifier, config, verification=verification).config
    except ValidationErrors as error:
        raise ConfigError(f"--{str(error).replace('_', '-')}") from error


def _banner(manifest: Manifest) -> str:
    words = ", ".join(manifest.keywords)
    return f"wake-word server for {words} ({manifest.name}, {interpreter_name()})"


def _announced_as(name: str) -> str:
    _need("zeroconf", "zeroconf")
    name = name or f"kws-edge on {socket.gethostname()}"
    if len(name.encode()) > MAX_NAME or not name.isprintable():
        raise ConfigError(f"--zeroconf: a name has at most {MAX_NAME} bytes, all printable")
    return name


def _need(package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise not_installed(package, extra)
