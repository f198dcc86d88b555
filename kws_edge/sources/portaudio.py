"""Access to PortAudio and ALSA: import, refresh, silence, and whether a microphone may be back.

PortAudio looks for devices only when it initialises, which is expensive. ALSA, which PortAudio uses
on Linux, reports cheaply whether one device would record.
"""

import atexit
import ctypes
import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

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
    """A call into PortAudio has not come back: the process must end without waiting for it."""
    if sounddevice := sys.modules.get("sounddevice"):
        atexit.unregister(sounddevice._exit_handler)


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
