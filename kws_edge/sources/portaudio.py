"""PortAudio and what surrounds it: importing it, starting it afresh, keeping it quiet."""

import atexit
import ctypes
import os
import sys
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
    """Look for devices anew: PortAudio's list is as old as its initialisation.

    No stream may be open. Takes some 30 ms of the processor, and PortAudio 19.6 loses 12 KB
    each time: to be used with reason. sounddevice's own ``_initialize`` would send the whole
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
