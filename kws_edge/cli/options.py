"""Options that several commands share, and a flag for every setting of the configuration."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kws_edge.boundary import printable
from kws_edge.cli.completion import complete_models, completer_of

if TYPE_CHECKING:  # commands about model files read no configuration, and need no YAML
    from kws_edge.config.settings import Loaded, Setting

F = TypeVar("F", bound=Callable[..., Any])

# Short names of the flags that people type most.
SHORT = {
    "model": ["-m"],
    "microphone.device": ["-d", "--device"],
    "detector.preset": ["--preset"],
    "detector.threshold": ["--threshold"],
    "detector.smoothing_ms": ["--smoothing-ms"],
    "detector.refractory_ms": ["--refractory-ms"],
    "detector.hop_ms": ["--hop-ms"],
    "detector.gate_dbfs": ["--gate-dbfs"],
    "detector.repeat_ms": ["--repeat-ms"],
    "verifier.model": ["--verifier"],
}


def config_options(
    keys: Collection[str] | None = None, short: Mapping[str, Sequence[str]] = SHORT
) -> Callable[[F], F]:
    """Give a command ``--config`` and a flag for each setting, or for those below ``keys`` of the
    document alone; see `loaded_config`. ``short`` has further names of flags."""
    from kws_edge.config.settings import settings

    kept = [one for one in settings() if keys is None or one.path.split(".")[0] in keys]

    def decorate(command: F) -> F:
        for setting in reversed(kept):
            command = _setting_option(setting, short.get(setting.path, ()))(command)
        file = click.option(
            "--config",
            type=PATH,
            envvar="KWS_EDGE_CONFIG",
            show_envvar=True,
            help="Configuration file (YAML), instead of the user's or the system's.",
        )
        keyword = click.option(
            "--keyword",
            "active",
            multiple=True,
            metavar="WORD",
            help="Spot this keyword and others so named alone. May be repeated; as --keywords.",
        )
        return file(keyword(command))

    return decorate


def _setting_option(setting: "Setting", short: Sequence[str]) -> Callable[[F], F]:
    from kws_edge.config.reference import option_help

    several = setting.path == "model"
    text = option_help(setting) + " Give it again for another that listens too." * several
    return click.option(
        *dict.fromkeys([setting.parameter, setting.flag, *short]),
        metavar="VALUE",
        help=text,
        multiple=several,
        shell_complete=completer_of(setting),
    )


def given_flags(given: dict[str, Any]) -> dict[str, str]:
    """The flags among ``given``, the arguments of a command with `config_options`, by path."""
    from kws_edge.config.settings import settings

    flags = {s.path: given[s.parameter] for s in settings() if given.get(s.parameter) is not None}
    if given.get("active"):
        if "keywords" in flags:
            raise click.UsageError("--keyword and --keywords exclude each other")
        flags["keywords"] = json.dumps(given["active"], ensure_ascii=False)  # YAML reads it
    names = flags.pop("model", ())
    if len(names) == 1:
        flags["model"] = names[0]
    elif names:
        if "models" in flags:
            raise click.UsageError("--model and --models exclude each other")
        flags["models"] = json.dumps([{"model": name} for name in names])  # YAML reads it
    return flags


def loaded_config(config: Path | None, given: dict[str, Any]) -> "Loaded":
    """The configuration in force for a command with `config_options`, called with ``given``.

    Variables that set nothing are reported on stderr. Raises as `load_config`.
    """
    from kws_edge.config.settings import load_config

    loaded = load_config(config, given_flags(given))
    for warning in loaded.warnings:
        click.echo(f"kws-edge: {printable(warning)}", err=True)
    return loaded


# the reader of the file reports what is wrong with it, with the documented exit code
PATH = click.Path(path_type=Path, readable=False)

model_option = click.option(
    "--model",
    "-m",
    default="default",
    help="A model file (.tflite), or a name from 'kws-edge models'.",
    shell_complete=complete_models,
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), default=1, help="Threads of the interpreter."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
