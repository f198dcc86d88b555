"""``config``: check, show, start or document a configuration."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from kws_edge.boundary import printable
from kws_edge.cli.options import config_options, given_flags, loaded_config
from kws_edge.config import settings
from kws_edge.config.config import Config
from kws_edge.config.settings import Loaded, load_leniently, user_file
from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ConfigError, KwsEdgeError, ValidationErrors
from kws_edge.metrics import Metrics
from kws_edge.model.file import find_model, read_model
from kws_edge.model.manifest import Manifest
from kws_edge.sinks import sink_kinds
from kws_edge.sinks.base import SinkContext
from kws_edge.spotter_group import group_faults
from kws_edge.wyoming.sink import settings_of as wyoming_settings

EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"


@click.group()
def command() -> None:
    """Check, show, start or document a configuration.

    Flags win over environment variables (KWS_EDGE_...), and these over the first of:
    the file named with --config, $XDG_CONFIG_HOME/kws-edge/config.yaml,
    /etc/kws-edge/config.yaml.
    """


@command.command()
@click.option(
    "--wyoming",
    is_flag=True,
    help="What 'kws-edge wyoming' needs: no microphone, and none of the other sinks.",
)
@config_options()
def check(wyoming: bool, config: Path | None, **given: Any) -> int:
    """Report every fault, one a line on stderr, without starting anything; exit code 78.

    Reads the file, variables and flags, loads the model, and looks for the keywords, extras,
    programs, files and folders that the sinks need. An absent microphone is a warning.
    """

    loaded, faults = load_leniently(config, given_flags(given))
    if wyoming:
        sinks = {"wyoming": wyoming_settings(loaded.config)}
        loaded = replace(loaded, config=replace(loaded.config, sinks=sinks, sequences=()))
    report = check_everything(loaded, faults, microphone=not wyoming)
    for warning in report.warnings:
        click.echo(f"kws-edge: warning: {printable(warning)}", err=True)
    for fault in report.faults:
        click.echo(f"kws-edge: {printable(fault)}", err=True)
    if report.faults:
        return ConfigError.exit_code
    click.echo(f"{loaded.file or 'no file, defaults alone'}: ok")
    return 0


@command.command()
@config_options()
def show(config: Path | None, **given: Any) -> None:
    """Print the configuration in force as YAML, each setting with its origin.

    Passwords and tokens in arguments of commands are replaced by HIDDEN.
    """
    from kws_edge.config.reference import in_force

    loaded = loaded_config(config, given)
    click.echo(f"# {loaded.file or 'no file: defaults, environment and flags'}")
    click.echo(in_force(loaded, _detector_in_force(loaded)), nl=False)


def _detector_in_force(loaded: Loaded) -> DetectorConfig | None:
    """None where the model cannot be read or does not fit: `check` says why."""
    if loaded.config.models:  # each has its own
        return None
    try:
        return loaded.config.detector_of(0, read_model(find_model(loaded.config.model)).manifest)
    except KwsEdgeError:
        return None


@command.command("reference")
def reference_command() -> None:
    """Print every key with type, unit, default, bounds and meaning, as Markdown."""
    from kws_edge.config.reference import reference

    click.echo(reference(), nl=False)


@command.command()
@click.argument("path", type=click.Path(path_type=Path, readable=False), required=False)
def init(path: Path | None) -> None:
    """Write a commented example to PATH, by default the place of the user's configuration.

    Beside /etc/kws-edge/config.yaml it is readable by all, since the system's service runs under
    a user of its own; passwords belong in files of their own. Elsewhere it is yours alone.
    """
    path = path or user_file()
    mode = 0o644 if path.absolute().parent == settings.SYSTEM_FILE.parent else 0o600
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ConfigError(f"{path}: is there already; it stays as it was") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)  # whatever the umask of root's shell
        file.write(EXAMPLE.read_text())
    click.echo(path)


@dataclass(frozen=True)
class CheckReport:
    """``faults`` keep kws-edge from starting or a sink from working; ``warnings`` do not."""

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def check_everything(loaded: Loaded, faults: list[str], microphone: bool = True) -> CheckReport:
    """All faults of a configuration on this device at once, without starting anything.

    ``faults``: those that reading it found (`load_leniently`). Then come model and interpreter,
    detector and keywords, the sinks with their files, extras and programs, and the microphone,
    whose absence is a warning since a user may plug it in later.
    """
    config = loaded.config
    where = f"{loaded.file}: " if loaded.file else ""
    manifests: list[Manifest] = []
    found: list[str] = []
    for index, name in enumerate(config.model_names):
        try:
            manifest = read_model(find_model(name)).manifest
        except KwsEdgeError as error:
            found.append(f"{config.where(index, 'model')}: {error}")
        else:
            manifests.append(manifest)
            found += _detector_faults(config, index, manifest)
            found += _verifier_faults(config, index, manifest)
    complete = len(manifests) == len(config.model_names)
    if complete:
        found += group_faults(manifests)
        found += config.word_faults([word for one in manifests for word in one.keywords])
    found += _sink_faults(config, manifests if complete else [])
    all_faults = [*faults, *(where + fault for fault in found)]
    warnings = [*loaded.warnings, *(_microphone_warnings(config) if microphone else ())]
    return CheckReport(tuple(dict.fromkeys(all_faults)), tuple(warnings))


def _detector_faults(config: Config, index: int, manifest: Manifest) -> list[str]:
    from kws_edge.model.classifier import Classifier
    from kws_edge.spotter import KeywordSpotter

    known, where = manifest.keywords, config.where(index, "detector")
    try:
        detector = config.detector_of(index, manifest)
    except KwsEdgeError as error:
        return [str(error)]
    faults = [
        f"{where}.thresholds.{word}: the model has no such keyword ({', '.join(known)})"
        for word in detector.thresholds
        if word not in known
    ]
    try:
        classifier = Classifier.load(find_model(config.model_names[index]), config.threads)
        if not faults:
            KeywordSpotter(classifier, detector)
    except ValidationErrors as error:
        faults += [f"{where}.{fault}" for fault in error.faults]
    except KwsEdgeError as error:
        faults.append(f"{config.where(index, 'model')}: {error}")
    return faults


def _verifier_faults(config: Config, index: int, manifest: Manifest) -> Iterator[str]:
    from kws_edge.daemon.control import load_verification

    try:
        if verification := load_verification(config, index):
            verification.verifier.check(manifest)
    except KwsEdgeError as error:
        yield f"{config.where(index, 'verifier')}.model: {error}"


def _sink_faults(config: Config, manifests: list[Manifest]) -> Iterator[str]:
    """Without all models, keywords cannot be checked, all else can."""
    context = SinkContext(
        labels=[label for one in manifests for label in one.labels] or _keywords_used(config),
        model_name=", ".join(one.name for one in manifests),
        sample_rate=manifests[0].features.sample_rate if manifests else 16_000,
        metrics=Metrics("", ()),
        settings=config.sinks,
        sequences=[one.name for one in config.sequences],
    )
    for key, kind in sink_kinds():
        for name, one in kind.each(key, config.sinks.get(key)):
            yield from kind.faults(name, one, context)


def _keywords_used(config: Config) -> tuple[str, ...]:
    return tuple(
        word
        for key, kind in sink_kinds()
        for _, settings in kind.each(key, config.sinks.get(key))
        for word in getattr(settings, "keywords", ())
    )


def _microphone_warnings(config: Config) -> Iterator[str]:
    from kws_edge.sources.portaudio import find_device, input_devices

    try:
        find_device(config.microphone.device, input_devices())
    except KwsEdgeError as error:
        yield f"microphone: {error}"
