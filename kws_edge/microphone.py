"""The microphone, through PortAudio."""

import queue
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from kws_edge.audio import from_pcm16
from kws_edge.errors import AudioDeviceError
from kws_edge.sources import BLOCK_SECONDS, Block

QUEUE_SECONDS = 5.0
SILENT_SECONDS = 3.0  # no block for so long: the device is gone, whatever PortAudio says


class Microphone:
    """Blocks from an input device, as a context manager.

    PortAudio's callback only copies into a bounded queue. A block that finds the queue
    full is dropped and counted, and so is what PortAudio reports as overflow; the
    block after a drop says how many samples are missing before it.
    """

    def __init__(self, sample_rate: int, device: int | str | None = None) -> None:
        self._rate = sample_rate
        self._device = device
        self._queue: queue.Queue[tuple[bytes, int]] = queue.Queue(
            round(QUEUE_SECONDS / BLOCK_SECONDS)
        )
        self._dropped = 0  # samples since the last block that got through
        self.samples_lost = 0
        self.overflows = 0

    def __enter__(self) -> "Microphone":
        """Open and start. Raises `AudioDeviceError` with what to do about it."""
        sounddevice = import_sounddevice()
        try:
            self._stream = sounddevice.RawInputStream(
                samplerate=self._rate,
                blocksize=round(BLOCK_SECONDS * self._rate),
                device=self._device,
                channels=1,
                dtype="int16",
                callback=self._callback,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise AudioDeviceError(_advice(self._device, error)) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()

    def blocks(self) -> Iterator[Block]:
        """Raises `AudioDeviceError` when the device stops giving audio."""
        while True:
            try:
                data, lost = self._queue.get(timeout=SILENT_SECONDS)
            except queue.Empty:
                raise AudioDeviceError(
                    f"no audio from the microphone for {SILENT_SECONDS:g} s: was it unplugged,"
                    " or the sound server stopped?"
                ) from None
            yield Block(from_pcm16(data), lost)

    def _callback(self, data: Any, frames: int, _time: Any, status: Any) -> None:
        if status.input_overflow:
            self.overflows += 1
        try:
            self._queue.put_nowait((bytes(data), self._dropped))
            self._dropped = 0
        except queue.Full:
            self._dropped += frames
            self.samples_lost += frames


def import_sounddevice() -> Any:
    """The sounddevice module; it needs the PortAudio library of the system."""
    try:
        import sounddevice
    except OSError as error:
        raise AudioDeviceError(
            "the PortAudio library is missing: apt install libportaudio2 (a file needs none:"
            " --input FILE)"
        ) from error
    return sounddevice


def _advice(device: int | str | None, error: Exception) -> str:
    name = "the default microphone" if device is None else f"microphone {device!r}"
    reason = " ".join(str(error).split())
    if reason.endswith("device -1"):  # what PortAudio says where there is no input device
        reason = "there is none"
    return (
        f"cannot open {name} ({reason}); 'kws-edge devices' lists what there is, and"
        " 'kws-edge listen --demo' needs none"
    )


def list_devices() -> list[dict[str, Any]]:
    """Input devices: ``index``, ``name``, ``channels``, ``sample_rate`` (Hz), ``default``."""
    sounddevice = import_sounddevice()
    try:
        devices = sounddevice.query_devices()
        default = sounddevice.default.device[0]
    except sounddevice.PortAudioError as error:
        raise AudioDeviceError(f"PortAudio cannot list the devices ({error})") from error
    return [
        {
            "index": device["index"],
            "name": device["name"],
            "channels": device["max_input_channels"],
            "sample_rate": round(device["default_samplerate"]),
            "default": device["index"] == default,
        }
        for device in devices
        if device["max_input_channels"] > 0
    ]
