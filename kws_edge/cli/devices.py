"""``devices``: the microphones that there are."""

import json

import click

from kws_edge.cli.options import json_option
from kws_edge.errors import AudioDeviceError
from kws_edge.microphone import list_devices


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the input devices; the default one is marked with *."""
    devices = list_devices()
    if not devices:
        raise AudioDeviceError(
            "no input device; plug in a microphone, or start the sound server that has it"
        )
    for device in devices:
        if as_json:
            click.echo(json.dumps(device, ensure_ascii=False))
        else:
            mark = "*" if device["default"] else " "
            click.echo(
                f"{mark} {device['index']:3d}  {device['name']}  ({device['channels']} channels,"
                f" {device['sample_rate']} Hz)"
            )
