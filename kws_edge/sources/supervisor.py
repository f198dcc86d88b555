"""The thread that owns PortAudio: opens the microphone, watches it, opens it again.

Any call into PortAudio may wait for a sound server that does not answer, so that no other thread
makes one.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from kws_edge.errors import AudioDeviceError
from kws_edge.sources.base import BLOCK_SECONDS
from kws_edge.sources.capture import Capture, CaptureCounts, Instant, MicrophoneConfig, Packet
from kws_edge.sources.portaudio import HotplugProbe, abandon, import_sounddevice, refresh

STALL_SECONDS = 3.0  # no audio for so long: the device is gone, whatever PortAudio says
FIRST_SECONDS = (0.75, 1.5, STALL_SECONDS)  # for the first block, by attempts since the loss
STUCK_SECONDS = 60.0  # a call of PortAudio's that takes so long will never come back
BACKOFF_SECONDS = (0.1, 0.2, 0.4, 0.8)  # the last: a device that is back is open within 2 s


class Lost(NamedTuple):
    """The microphone is absent, with the ``reason``."""

    reason: str


class Failed(NamedTuple):
    """PortAudio is missing: no audio will ever arrive."""

    error: AudioDeviceError


class PortAudioSupervisor:
    """Puts packets, losses and, for the end, None into ``items``."""

    def __init__(
        self, sample_rate: int, config: MicrophoneConfig, clock: Callable[[], Instant]
    ) -> None:
        self.counts = CaptureCounts()
        # the one queue whose put() is safe in signal handlers and waits for nobody; the
        # bound is for audio alone
        self.items: queue.SimpleQueue[Packet | Lost | Failed | None] = queue.SimpleQueue()
        self.opened: queue.SimpleQueue[AudioDeviceError | None] = queue.SimpleQueue()
        # once PortAudio is loaded, or cannot be
        self.loaded: queue.SimpleQueue[AudioDeviceError | None] = queue.SimpleQueue()
        self._limit = max(1, round(config.queue_seconds / BLOCK_SECONDS))
        self._sample_rate, self._config, self._clock = sample_rate, config, clock
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._probe = HotplugProbe(config.device)
        self._closing = False
        self._calling_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="microphone", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ask for the end; returns at once, safe in a signal handler."""
        self._closing = True
        self._wake.put(None)
        self.loaded.put(None)
        self.opened.put(None)
        self.items.put(None)

    def join(self, timeout: float) -> None:
        """Wait for the end, but for no sound server that does not answer."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            abandon()

    def check(self) -> None:
        """Raises `AudioDeviceError` when PortAudio will never come back from a call."""
        since = self._calling_since
        if since is not None and time.monotonic() - since > STUCK_SECONDS:
            raise AudioDeviceError(
                f"the sound system has not answered for {STUCK_SECONDS:g} s; only a new start"
                " can help: is the sound server stopped or overloaded?"
            )

    def _run(self) -> None:
        try:
            with self._calling():
                sounddevice = import_sounddevice()
        except AudioDeviceError as error:
            self.loaded.put(error)
            self.opened.put(error)
            self.items.put(Failed(error))
            return
        self.loaded.put(None)
        failures = len(FIRST_SECONDS)  # no hurry the first time
        while not self._closing:
            patience = FIRST_SECONDS[min(failures, len(FIRST_SECONDS) - 1)]
            failures = 0 if self._session(patience) else failures + 1
            self._wait_to_retry(failures)
            if not self._closing:
                self._refresh(sounddevice)

    def _wait_to_retry(self, failures: int) -> None:
        if not failures:
            self._probe.lost()
        while True:
            self._pause(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
            failures += 1
            with self._calling():
                if self._closing or self._probe.should_retry():
                    return

    def _session(self, patience: float) -> bool:
        """From opening to the loss; whether there was audio."""
        try:
            with self._calling():
                capture = Capture(
                    self._sample_rate,
                    self._config,
                    self.items.put,
                    self._full,
                    self._finished,
                    self._clock,
                    self.counts,
                )
        except AudioDeviceError as error:
            self.opened.put(error)
            self.items.put(Lost(error.reason))
            return False
        self.opened.put(None)
        self._probe.name = capture.device.name
        reason = self._watch(capture, patience)
        if not self._closing:
            self.items.put(Lost(reason))
        with self._calling():
            capture.close()
        return capture.last_audio is not None

    def _watch(self, capture: Capture, patience: float) -> str:
        """Wait for the end of the stream; why it ended. ``patience`` is for its first block."""
        opened = time.monotonic()
        woken = False  # the stream may call itself active while it reports its end
        while not woken and capture.active:
            limit = STALL_SECONDS if capture.last_audio else patience
            silent = time.monotonic() - (capture.last_audio or opened)
            if silent > limit:
                return f"{capture}: no audio for {limit:g} s"
            woken = self._pause(limit - silent + 0.01)
        return f"{capture}: the stream ended; unplugged, or the sound server stopped"

    def _refresh(self, sounddevice: Any) -> None:
        with suppress(AudioDeviceError), self._calling():  # opening will report it
            refresh(sounddevice)
        while not self._wake.empty():  # the end of the old stream
            self._wake.get()

    def _pause(self, seconds: float) -> bool:
        """Wait; whether `close` or the end of the stream cut it short."""
        try:
            self._wake.get(timeout=seconds)
        except queue.Empty:
            return False
        return True

    def _finished(self) -> None:
        self._wake.put(None)

    def _full(self) -> bool:
        return self.items.qsize() >= self._limit

    @contextmanager
    def _calling(self) -> Iterator[None]:
        self._calling_since = time.monotonic()
        try:
            yield
        finally:
            self._calling_since = None
