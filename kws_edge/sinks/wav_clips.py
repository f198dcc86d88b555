"""What was heard around detections and near misses, saved as WAV files."""

import io
import re
import wave

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.audio.files import to_pcm16
from kws_edge.config.config import ClipsConfig
from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.events import Event
from kws_edge.files import private_folder
from kws_edge.sinks.clip_folder import ClipFolder
from kws_edge.types import FloatArray

AFTER = 0.25  # share of the recording that lies after the decision
BEHIND_SECONDS = 10.0  # how far saving may fall behind the audio
PATIENCE_SECONDS = 1.0  # for audio after the decision that is late, or that never comes


class WavClipSink:
    """Saves ``seconds`` of the stream for each detection and near miss.

    The decision falls at three quarters of them, so that the word lies in the middle. Raises
    `ConfigError` where the folder is not fit for it.
    """

    name = "triggers"

    def __init__(self, config: ClipsConfig, ring: SampleBuffer, sample_rate: int) -> None:
        max_bytes = int(config.max_megabytes * 1e6)
        if config.seconds * sample_rate * 2 + 44 > max_bytes:
            raise ConfigError(
                f"triggers.max_megabytes: {config.max_megabytes} is less than one recording of"
                f" {config.seconds:g} s takes"
            )
        private_folder(config.folder, "triggers.folder")
        self._length = round(config.seconds * sample_rate)
        self._ring = ring
        self._rate = sample_rate
        self._folder = ClipFolder(config.folder, config.max_files, max_bytes)

    def open(self) -> None:
        self._folder.open()

    def handle(self, event: Event) -> None:
        """Wait for the end of the recording, then save what there is of it."""
        if event.type not in ("detection", "near_miss"):
            return
        end = event.sample + round(self._length * AFTER)
        behind = max(0, end - self._ring.end)
        self._ring.wait_for(end, behind / self._rate + PATIENCE_SECONDS)
        start, samples = self._ring.read(end - self._length, end)
        if not len(samples):
            raise KwsEdgeError("the audio of a trigger was gone before it could be saved")
        name = file_name(event)
        try:
            self._folder.add(name, wav(samples, self._rate), {**event.as_dict(), "start": start})
        except OSError as error:
            raise KwsEdgeError(f"cannot save recordings: {error.strerror}") from error

    def close(self) -> None: ...


def ring_for(config: ClipsConfig, sample_rate: int) -> SampleBuffer:
    """A ring that is long enough for a `WavClipSink`."""
    return SampleBuffer(round((config.seconds + BEHIND_SECONDS) * sample_rate))


def file_name(event: Event) -> str:
    """``20260131T235959.123Z-000042-yes.wav``: time, id and label, safe on any file system."""
    when = re.sub(r"[-:]", "", event.utc).replace("+0000", "Z")
    label = re.sub(r"[^\w-]", "_", event.data["label"])[:40]
    kind = "near-" if event.type == "near_miss" else ""
    return f"{when}-{event.id:06d}-{kind}{label}.wav"


def wav(samples: FloatArray, sample_rate: int) -> bytes:
    """``samples [n]`` as a WAV file: mono, 16-bit PCM."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate)
        writer.writeframes(to_pcm16(samples).astype("<i2").tobytes())
    return file.getvalue()
