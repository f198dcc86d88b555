"""``record``: samples for training, one word at a time."""

import getpass
import json
import random
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import click

from kws_edge.cli.completion import complete_devices
from kws_edge.cli.options import PATH, json_option
from kws_edge.process import STOPPING
from kws_edge.recorder.collection import NAME, Collection, Entry, check_name, check_speaker
from kws_edge.recorder.screen import KEYS_CAN_BE_READ, Screen
from kws_edge.recorder.session import AudioIO, Session, SessionConfig
from kws_edge.recorder.take import SAMPLE_RATE, SPECIAL_LABELS, Timing


def _names(special: tuple[str, ...] = ()) -> Callable[..., object]:
    def check(_: click.Context, __: click.Parameter, value: object) -> object:
        try:
            if isinstance(value, tuple):
                return tuple(dict.fromkeys(check_name(name, special) for name in value))
            return check_speaker(value) if isinstance(value, str) else value
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return check


@click.command()
@click.argument("labels", nargs=-1, required=True, callback=_names(SPECIAL_LABELS))
@click.option(
    "--count",
    "-n",
    type=click.IntRange(min=1),
    default=10,
    help="Samples of each label in all; those there already count.",
)
@click.option("--speaker", "-s", callback=_names(), help="Who speaks.  [default: your user name]")
@click.option("--output", "-o", type=PATH, default="recordings", help="Folder of the samples.")
@click.option(
    "--device",
    "-d",
    shell_complete=complete_devices,
    help="Microphone: its index, name or part of it ('devices').",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 60),
    default=2.5,
    help="Time to speak in; the second with the word is kept.",
)
@click.option(
    "--countdown", type=click.FloatRange(0, 60), default=1.5, help="Seconds of countdown."
)
@click.option("--seed", type=int, help="Shuffle the labels always alike.")
@click.option("--in-order", is_flag=True, help="Ask for the labels in turn, unshuffled.")
@click.option("--keep-raw", is_flag=True, help="Keep whole takes too, in OUTPUT/.raw.")
@click.option("--yes", "accept", is_flag=True, help="Keep good takes without asking.")
@click.option(
    "--attempts",
    type=click.IntRange(min=1),
    default=5,
    help="With --yes: give up after so many refused takes in a row.",
)
@json_option
def command(
    labels: tuple[str, ...],
    speaker: str | None,
    output: Path,
    device: str | None,
    seconds: float,
    countdown: float,
    seed: int | None,
    in_order: bool,
    as_json: bool,
    **options: int,
) -> int:
    """Record samples of words for training.

    Of each of LABELS: 1 s each, 16 kHz, the word in the middle.

    Keys after each take: Enter keeps it, r records it again, p plays it, q quits. Takes that are
    clipped, silent, too quiet or noisy are refused with the reason. The same command goes on
    where the last one stopped. `_silence_` records the room, `_unknown_` other words.
    """
    screen = Screen(sys.stderr)
    terminal = KEYS_CAN_BE_READ and sys.stdin.isatty() and sys.stderr.isatty()
    if not options["accept"] and not terminal:
        raise click.UsageError("nobody to ask: this is no terminal; --yes keeps good takes")
    speaker = speaker or _user_name()
    timing = Timing(countdown, seconds)
    config = SessionConfig(labels, speaker, timing=timing, **options)  # type: ignore[arg-type]
    audio = _audio_io(device)
    session = Session(config, Collection(output), audio, screen)
    screen.line(f"speaker '{speaker}', {_microphone(audio)}: {_state(session, config)}")
    _end_as_with_ctrl_c()
    shuffled = None if in_order else random.Random(seed)
    code = 0
    try:
        session.run(lambda entry: _kept(entry, output, as_json), shuffled)
    except KeyboardInterrupt:
        code = 130
    with suppress(OSError):  # the terminal may have gone
        screen.line(f"{output}: {_state(session, config)}")
    return code


def _microphone(audio: AudioIO) -> str:
    return f"microphone '{audio.device}'" if audio.device else "the default microphone"


def _kept(entry: Entry, output: Path, as_json: bool) -> None:
    path = str(output / entry.path)
    click.echo(json.dumps({**json.loads(entry.to_json()), "path": path}) if as_json else path)
    sys.stdout.flush()


def _state(session: Session, config: SessionConfig) -> str:
    have = session.have()
    counts = ", ".join(f"{label} {there} of {config.count}" for label, there in have.items())
    done = all(there >= config.count for there in have.values())
    return counts + ("; done, --count asks for more" if done else "")


def _audio_io(device: str | None) -> AudioIO:
    from kws_edge.recorder.session import play
    from kws_edge.sources.microphone import Microphone

    chosen = int(device) if device is not None and device.isdecimal() else device
    return AudioIO(lambda: Microphone(SAMPLE_RATE, chosen), _device_name(chosen), play)


def _device_name(device: int | str | None) -> str | None:
    """The full name, for the manifest; what is wrong with a device is said on opening it."""
    try:
        import sounddevice

        return str(sounddevice.query_devices(device, "input")["name"])
    except Exception:  # no PortAudio, or none that starts: errors of many kinds
        return None if device is None else str(device)


def _user_name() -> str:
    try:
        name = re.sub(r"[^\w-]+|^_+", "-", getpass.getuser()).strip("-")
    except (OSError, KeyError):
        name = ""
    if not NAME.fullmatch(name):
        raise click.UsageError("your user name cannot be used as a speaker's: give --speaker")
    return name


def _end_as_with_ctrl_c() -> None:
    """On SIGTERM, and on SIGHUP when an SSH session breaks off."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
