"""``completion``: completes commands, options and their values in a shell, by click's own means."""

import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

if TYPE_CHECKING:
    from kws_edge.config.settings import Setting

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_KWS_EDGE_COMPLETE"  # by which click asks the program for completions
PLAIN = re.compile(r"[\w.-]+")
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what completes commands, options and their values in SHELL.

    Values: bundled models, presets, microphones, files, words of settings.

    \b
    bash: eval "$(kws-edge completion bash)"            in ~/.bashrc
    zsh:  eval "$(kws-edge completion zsh)"             in ~/.zshrc, after compinit
    fish: kws-edge completion fish > ~/.config/fish/completions/kws-edge.fish
    """
    program = context.find_root()
    completes = get_completion_class(shell)
    assert completes
    script = completes(program.command, {}, program.info_name or "kws-edge", VARIABLE)
    click.echo(script.source())


def _quiet(complete: Completer) -> Completer:
    """No completions where they cannot be had: the command itself reports what is wrong."""

    def completed(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            return complete(context, parameter, incomplete)
        except Exception:  # in the middle of a line that is being typed
            return []

    return completed


def complete_files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


@_quiet
def complete_models(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Bundled models by name, else files."""
    from kws_edge.model.file import bundled_models

    names = _starting(incomplete, ["default", *bundled_models()])
    return names or complete_files(context, parameter, incomplete)


@_quiet
def complete_presets(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Those of the model on the command line, else of the default one."""
    from kws_edge.model.file import find_model, read_model

    model = context.params.get("model") or "default"
    name = model if isinstance(model, str) else model[-1]  # of several
    return _starting(incomplete, read_model(find_model(name)).manifest.presets)


@_quiet
def complete_devices(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """By name, or by index where a shell would have to quote the name."""
    from kws_edge.sources.portaudio import input_devices

    found = {
        one.name if PLAIN.fullmatch(one.name) else str(one.index): one for one in input_devices()
    }
    return [
        CompletionItem(value, help=one.name)
        for value, one in found.items()
        if value.startswith(incomplete)
    ]


def completer_of(setting: "Setting") -> Completer:
    """For the flag of a setting: by its meaning, else by its type."""
    by_meaning = {
        "model": complete_models,
        "verifier.model": complete_models,
        "detector.preset": complete_presets,
        "microphone.device": complete_devices,
    }
    kinds = list(_kinds(setting.hint))
    if setting.path in by_meaning:
        return by_meaning[setting.path]
    if Path in kinds:
        return complete_files
    choices = [str(kind) for kind in kinds if isinstance(kind, str)]
    choices += ["true", "false"] if bool in kinds else []
    return lambda _, __, incomplete: _starting(incomplete, choices)


def _kinds(hint: object) -> Iterator[object]:
    """The types of a union and the values of a literal."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType, typing.Literal):
        for part in typing.get_args(hint):
            yield from _kinds(part)
    else:
        yield hint


def _starting(incomplete: str, values: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]
