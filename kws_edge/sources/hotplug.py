"""Whether a microphone may have come back, found out at little cost.

PortAudio looks for devices only when it is started afresh, which is dear. ALSA, which it
uses on Linux, can be asked whether one device would record.
"""

import ctypes
import errno
import os
import time
from pathlib import Path

from kws_edge.sources.portaudio import alsa_library

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
        """It has just gone: look closely for a while."""
        self._eager_until = time.monotonic() + EAGER_SECONDS
        self._interval = SELDOM_SECONDS[0]
        self._next = self._eager_until + self._interval

    def should_retry(self) -> bool:
        """Whether to look at the devices anew: it would record, or something has changed."""
        if alsa_library() is None:
            return True  # there is nobody to ask
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
