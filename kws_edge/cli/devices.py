"""``devices``: the microphones that there are."""

import dataclasses
import json

import click

from kws_edge.boundary import printable
from kws_edge.cli.options import json_option
from kws_edge.errors import AudioDeviceError
from kws_edge.sources.portaudio import Device, input_devices, working_formats


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the input devices and what works with them.

    The default one is marked with *.

    16, 44.1 and 48 kHz are tried with one, two and all channels. 'listen' makes 16 kHz mono
    of whatever works.
    """
    devices = input_devices()
    if not devices:
        raise AudioDeviceError(
            "no input device; plug in a microphone, or start the sound server that has it"
        )
    for device in devices:
        formats = working_formats(device)
        if as_json:
            document = {**dataclasses.asdict(device), "works": formats}
            click.echo(json.dumps(document))
        else:
            mark = "*" if device.default else " "
            click.echo(
                f"{mark} {device.index:3d}  {printable(device.name)}  ({_summary(device, formats)})"
            )


def _summary(device: Device, formats: dict[int, list[int]]) -> str:
    if not formats:
        return f"does not open: {printable(device.fault() or 'no common sample rate works')}"
    by_channels: dict[str, list[str]] = {}
    for rate, channels in formats.items():
        by_channels.setdefault(_one_of(channels), []).append(f"{rate / 1000:g}")
    return "; ".join(
        f"{', '.join(rates)} kHz with {counts}" for counts, rates in by_channels.items()
    )


def _one_of(channels: list[int]) -> str:
    *others, last = map(str, channels)
    numbers = f"{', '.join(others)} or {last}" if others else last
    return f"{numbers} channel{'s'[: channels != [1]]}"
