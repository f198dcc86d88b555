"""The commands of ``kws-edge`` and what runs them.

Commands load when used; a `KwsEdgeError` becomes one line on stderr and an exit code.
"""

import errno
import importlib
import io
import os
import sys
from typing import ClassVar, NoReturn

import click
from click.shell_completion import CompletionItem

from kws_edge import __version__, process
from kws_edge.boundary import printable
from kws_edge.errors import KwsEdgeError

HELP = {"help_option_names": ["-h", "--help"], "show_default": True}

# Exit codes by what became of standard output: EPIPE is the reader of `| head`, EIO the terminal
# that was closed, neither a fault; a full disk is one.
OUTPUT_CODES: dict[int | None, int] = {
    errno.EPIPE: 0,
    errno.EIO: 0,
    errno.ENOSPC: 74,
    errno.EDQUOT: 74,
    errno.EFBIG: 74,
}
STAYING = ("listen", "ui", "wyoming")  # commands that end by a signal


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported when they are called.

    ``modules`` maps a command's name to its module, whose ``command`` it is, or to
    ``module:function`` where a module holds several. The help of the group takes ``summaries``,
    where there are some, and so imports no command.
    """

    modules: ClassVar[dict[str, str]] = {}
    summaries: ClassVar[dict[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.modules:
            return None
        module, _, function = self.modules[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), function or "command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # not for every --help

            close = difflib.get_close_matches(args[0], self.modules, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(error.message + hint, ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if not self.summaries:
            return super().shell_complete(ctx, incomplete)
        names = [name for name in self.modules if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self.summaries[name]) for name in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not self.summaries:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summaries[name]) for name in self.modules])


def run(program: click.Command, name: str) -> NoReturn:
    """Run ``program`` and leave with its exit code.

    A `KwsEdgeError` is one line on stderr and its own exit code; a fault in the program
    itself keeps Python's traceback. What a command returns is the exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        # a file name need not be UTF-8, nor does a terminal know all letters: neither ends a batch
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = program.main(prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)  # Ctrl-C, as the shell counts it
    except KwsEdgeError as error:
        process.complain(f"{name}: {printable(str(error))}")
        _notify_manager(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is not None or error.errno not in OUTPUT_CODES:
            raise
        # nothing more can be written: the buffer's rest must not be tried again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if code := OUTPUT_CODES[error.errno]:
            process.complain(f"{name}: standard output: {error.strerror}")
        sys.exit(code)
    sys.exit(code if isinstance(code, int) else 0)


def _notify_manager(error: KwsEdgeError) -> None:
    """`service status` shows it."""
    if "NOTIFY_SOCKET" in os.environ:
        from kws_edge.daemon.systemd import sd_notify

        sd_notify(f"STATUS={' '.join(str(error).split())[:1000]}")


class Commands(LazyGroup):
    modules: ClassVar = {
        "listen": "kws_edge.cli.listen",
        "ui": "kws_edge.cli.listen:ui",
        "predict": "kws_edge.cli.predict",
        "devices": "kws_edge.cli.devices",
        "models": "kws_edge.cli.model:models",
        "info": "kws_edge.cli.model:info",
        "check": "kws_edge.cli.model:check",
        "record": "kws_edge.cli.record",
        "bench": "kws_edge.cli.model:bench",
        "config": "kws_edge.cli.config",
        "service": "kws_edge.cli.service",
        "wyoming": "kws_edge.cli.wyoming",
        "completion": "kws_edge.cli.completion",
    }
    summaries: ClassVar = {
        "listen": "Spot keywords live, in a file or in a pipe.",
        "ui": "Listen to the microphone and serve a page for the browser.",
        "predict": "Name the most likely keyword of each sound file.",
        "devices": "List the input devices and what works with them.",
        "models": "List the bundled models: size, keywords, presets.",
        "info": "Verify a model and print its manifest.",
        "check": "Verify a model and compute its probe on this device.",
        "record": "Record samples of words for training.",
        "bench": "Time one decision on this device: features and model, batch 1.",
        "config": "Check, show, start or document a configuration.",
        "service": "Install, remove and show the systemd service.",
        "wyoming": "Spot keywords for clients of the Wyoming protocol.",
        "completion": "Print what completes commands, options and their values in SHELL.",
    }


@click.group(cls=Commands, context_settings=HELP)
@click.version_option(__version__, prog_name="kws-edge")
def main() -> None:
    """Spot spoken keywords on a live microphone, in files or in a pipe.

    Exit codes: 0 done, 1 failure, 2 usage, 65 bad model or audio, 66 missing file,
    69 no device, interpreter or address, 78 configuration.
    """


def entry_point() -> None:
    """Entry point of the console script."""
    from kws_edge.cli.library_noise import capture_library_noise

    process.take_over(stays=sys.argv[1:2] in ([name] for name in STAYING))
    capture_library_noise()
    try:
        run(main, "kws-edge")
    except SystemExit as end:
        process.leave(end.code if isinstance(end.code, int) else 0)
