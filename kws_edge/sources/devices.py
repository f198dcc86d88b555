"""Input devices: list them, find the one that a user names, test their formats."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kws_edge.errors import AudioDeviceError
from kws_edge.sources.portaudio import capture_fault, import_sounddevice

RATES = (16000, 44100, 48000)


@dataclass(frozen=True)
class Device:
    """An input device: ``channels`` at most, ``sample_rate`` (Hz) by default."""

    index: int
    name: str
    channels: int
    sample_rate: int
    default: bool
    host_api: str = "ALSA"

    def fault(self) -> str | None:
        """Why it cannot be opened just now, as far as ALSA knows beforehand."""
        return capture_fault(self.name) if self.host_api == "ALSA" else None


def input_devices() -> list[Device]:
    """The input devices that PortAudio found when it last initialised."""
    sounddevice = import_sounddevice()
    try:
        apis = [api["name"] for api in sounddevice.query_hostapis()]
        default = sounddevice.default.device[0]
        return [
            Device(
                device["index"],
                device["name"],
                device["max_input_channels"],
                round(device["default_samplerate"]),
                device["index"] == default,
                apis[device["hostapi"]],
            )
            for device in sounddevice.query_devices()
            if device["max_input_channels"] > 0
        ]
    except sounddevice.PortAudioError as error:
        raise AudioDeviceError(f"PortAudio cannot list the devices ({error})") from error


def find_device(wanted: int | str | None, devices: Sequence[Device]) -> Device:
    """The one meant by an index, a name or a part of one (case aside); None is the default.

    Raises `AudioDeviceError`, with the candidates, where that is none or more than one.
    """
    if wanted is None:
        found = [device for device in devices if device.default]
        if not found:
            raise cannot_open(None, _there_are(devices))
        return found[0]
    text = str(wanted).casefold()
    found = [device for device in devices if device.name.casefold() == text]
    if text.isdecimal():
        found = [device for device in devices if device.index == int(text)] or found
    elif not found:
        found = [device for device in devices if text and text in device.name.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise cannot_open(wanted, f"several are called so: {_listed(found)}")
    raise cannot_open(wanted, _there_are(devices))


def works(device: Device, sample_rate: int, channels: int) -> bool:
    """Whether it can be opened so (int16); False for a busy one, too."""
    sounddevice = import_sounddevice()
    try:
        sounddevice.check_input_settings(device.index, channels, "int16", samplerate=sample_rate)
    except (sounddevice.PortAudioError, ValueError):
        return False
    return True


def working_formats(device: Device) -> dict[int, list[int]]:
    """Channel counts that work, by sample rate (Hz): 1, 2 and all channels are tried."""
    if device.fault():
        return {}
    counts = sorted({n for n in (1, 2, device.channels) if n <= device.channels})
    tried = {rate: [n for n in counts if works(device, rate, n)] for rate in RATES}
    return {rate: found for rate, found in tried.items() if found}


def cannot_open(wanted: int | str | None, reason: Any) -> AudioDeviceError:
    """The error for a device that does not open, with what to do about it."""
    name = "the default microphone" if wanted is None else f"microphone {wanted!r}"
    return AudioDeviceError(
        f"cannot open {name} ({' '.join(str(reason).split())}); 'kws-edge devices' lists what"
        " there is, and 'kws-edge listen --demo' needs none"
    )


def _there_are(devices: Sequence[Device]) -> str:
    return f"there are {_listed(devices)}" if devices else "there is none"


def _listed(devices: Sequence[Device]) -> str:
    return ", ".join(f"{device.index} {device.name}" for device in devices)
