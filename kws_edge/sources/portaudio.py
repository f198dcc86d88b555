"""PortAudio: the library, its devices, and which of their formats work."""

import atexit
import ctypes
import errno
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge import process
from kws_edge.errors import AudioDeviceError


def import_sounddevice() -> Any:
    """The sounddevice module; it needs the PortAudio library of the system."""
    try:
        import sounddevice
    except OSError as error:
        raise AudioDeviceError(
            "the PortAudio library is missing: apt install libportaudio2 (a file needs none:"
            " --input FILE)"
        ) from error
    except Exception as error:  # sounddevice's own, when PortAudio does not start
        raise AudioDeviceError(f"PortAudio does not start ({error})") from error
    _silence_libraries()
    return sounddevice


def refresh(sounddevice: Any) -> None:
    """Look for devices again: PortAudio makes its list when it initialises.

    No stream may be open. Takes some 30 ms of CPU time, and PortAudio 19.6 leaks 12 KB
    each time: call it rarely. sounddevice's own ``_initialize`` would send the whole
    process's stderr to /dev/null meanwhile, log lines of other threads included.
    """
    sounddevice._lib.Pa_Terminate()
    code = sounddevice._lib.Pa_Initialize()
    if code:
        raise AudioDeviceError(f"PortAudio does not start (error {code})")


def abandon() -> None:
    """A call into PortAudio has not come back: the process must end without waiting for it, and
    without taking the libraries from under it, which ends in a segmentation fault."""
    process.abandon()
    if handler := getattr(sys.modules.get("sounddevice"), "_exit_handler", None):
        atexit.unregister(handler)


def alsa_library() -> Any | None:
    """ALSA's own library, on Linux."""
    return _loaded("libasound.so.2")


def _silence_libraries() -> None:
    """ALSA and JACK print a screenful for each device that they look for and do not find."""
    # any function that heeds no arguments will do; one of Python would need the
    # interpreter's lock in threads that it knows nothing of
    nothing = ctypes.CDLL(None).getpid
    if alsa := alsa_library():
        alsa.snd_lib_error_set_handler(nothing)
    if jack := _loaded("libjack.so.0"):
        jack.jack_set_error_function(nothing)
        jack.jack_set_info_function(nothing)


def _loaded(name: str) -> Any | None:
    """A library that PortAudio has loaded; None where it did not."""
    try:
        return ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except (OSError, AttributeError):  # not there; no such flag on this system
        return None


CARDS = Path("/proc/asound/cards")
EAGER_SECONDS = 30.0  # after a change: a device takes time to set up, and rights to be given
SELDOM_SECONDS = (60.0, 900.0)  # without any sign, from the first to the last interval

_CAPTURE, _NON_BLOCKING, _S16_LE, _INTERLEAVED, _RESAMPLE = 1, 1, 2, 3, 1


class HotplugProbe:
    """Of one device, wanted by its index, name or part of it; ``name`` is PortAudio's for it,
    once known."""

    def __init__(self, wanted: int | str | None) -> None:
        self._wanted = wanted
        self.name: str | None = "default" if wanted is None else None
        self._signs: tuple[object, ...] = ()
        self.lost()

    def lost(self) -> None:
        """The device has just disappeared: check often for a while."""
        self._eager_until = time.monotonic() + EAGER_SECONDS
        self._interval = SELDOM_SECONDS[0]
        self._next = self._eager_until + self._interval

    def should_retry(self) -> bool:
        """Whether to open the device again: ALSA can record from it, or something has changed."""
        if alsa_library() is None:
            return True  # no ALSA to ask
        names = {"default", self.name, str(self._wanted)} - {None}
        faults = {name: capture_fault(name) for name in names if name}
        signs = (_cards(), tuple(sorted(faults.items(), key=str)))
        if signs != self._signs:
            self._signs = signs
            self.lost()
        if self.name and faults[self.name] is None:
            return True
        now = time.monotonic()
        if now > self._next:
            self._interval = min(2 * self._interval, SELDOM_SECONDS[1])
            self._next = now + self._interval
            return True
        return now < self._eager_until


def capture_fault(name: str) -> str | None:
    """Why ALSA cannot record from a device just now; None where it can, or is not asked.

    ``name`` is PortAudio's: an ALSA name, or a card's with ``(hw:1,0)`` behind it. PortAudio
    itself confuses a busy device with a missing one, and prints four lines on stderr for each
    failure.
    """
    library = alsa_library()
    if library is None:
        return None
    alsa_name = name[name.rindex("(hw:") + 1 : -1] if "(hw:" in name else name
    pcm = ctypes.c_void_p()
    code = library.snd_pcm_open(ctypes.byref(pcm), alsa_name.encode(), _CAPTURE, _NON_BLOCKING)
    if code < 0:
        return os.strerror(-code)
    # a sound server without a source opens all the same, and fails here; which format
    # the device does is none of the question
    code = library.snd_pcm_set_params(
        pcm, _S16_LE, _INTERLEAVED, 1, 16000, _RESAMPLE, ctypes.c_uint(200_000)
    )
    library.snd_pcm_close(pcm)
    return os.strerror(-code) if code < 0 and code != -errno.EINVAL else None


def _cards() -> str:
    try:
        return CARDS.read_text()
    except OSError:
        return ""


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
        f"cannot open {name} ({' '.join(str(reason).split())})",
        "'kws-edge devices' lists what there is, and 'kws-edge listen --demo' needs none",
    )


def _there_are(devices: Sequence[Device]) -> str:
    return f"there are {_listed(devices)}" if devices else "there is none"


def _listed(devices: Sequence[Device]) -> str:
    return ", ".join(f"{device.index} {device.name}" for device in devices)
