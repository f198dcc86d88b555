"""Clips: the audio around detections and near misses, saved as WAV files in a bounded folder."""

import io
import json
import os
import re
import wave
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.audio.files import to_pcm16
from kws_edge.config.schema import check_bounds, setting
from kws_edge.errors import ConfigError, KwsEdgeError
from kws_edge.events import Event
from kws_edge.files import append_line, check_private_folder, private_folder, write_atomically
from kws_edge.sinks.base import SinkContext, SinkKind, SinkNeeds, SinkPlan, queue_setting
from kws_edge.types import FloatArray

try:
    import fcntl
except ImportError:  # Windows
    CAN_LOCK = False
else:
    CAN_LOCK = True

AFTER = 0.25  # share of the clip that lies after the decision
BEHIND_SECONDS = 10.0  # how far saving may fall behind the audio
PATIENCE_SECONDS = 1.0  # wait for audio after the decision that is late or never comes
PRIVATE = 0o600  # people's voices: for the owner alone
MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class WavClipsConfig:
    """WAV files of the audio around detections and, if asked for, near misses."""

    folder: Path = setting(
        doc="Folder of the clips, closed to others (mode 0700); it is made if it is not there."
    )
    seconds: float = setting(
        2.0,
        doc="Length of a clip; three quarters of it lie before the decision.",
        unit="s",
        minimum=0.1,
        maximum=60,
    )
    near_miss: float = setting(
        0.0,
        doc="Save near misses too: smoothed scores of at least this share of the threshold."
        " 0 saves none.",
        minimum=0,
        maximum=1,
        excluded=1,
    )
    max_files: int = setting(
        1000, doc="With more clips the oldest are removed.", unit="files", minimum=1, maximum=10**6
    )
    max_megabytes: float = setting(
        100.0,
        doc="With more data the oldest clips are removed.",
        unit="MB",
        minimum=0,
        maximum=10**6,
        excluded=0,
    )
    queue: int = queue_setting(20, maximum=1000)

    def __post_init__(self) -> None:
        check_bounds(self)


class WavClipSink:
    """Saves ``seconds`` of the stream for each detection and near miss.

    The decision lies at three quarters of the clip, so that the word lies in its middle.
    """

    name = "clips"

    def __init__(self, config: WavClipsConfig, ring: SampleBuffer, sample_rate: int) -> None:
        """Raises `ConfigError` where the folder cannot be used or is too small for one clip."""
        if fault := _size_fault(config, sample_rate):
            raise ConfigError(fault)
        private_folder(config.folder, "clips.folder")
        # another sink may ask for near misses that this one does not save
        self._saved = {"detection", "near_miss"} if config.near_miss else {"detection"}
        self._length = round(config.seconds * sample_rate)
        self._ring = ring
        self._rate = sample_rate
        self._folder = ClipFolder(config.folder, config.max_files, int(config.max_megabytes * 1e6))

    def open(self) -> None:
        self._folder.open()

    def handle(self, event: Event) -> None:
        """Wait for the audio after the decision, then save the part that the buffer holds."""
        if event.type not in self._saved:
            return
        end = event.sample + round(self._length * AFTER)
        behind = max(0, end - self._ring.end)
        self._ring.wait_for(end, behind / self._rate + PATIENCE_SECONDS)
        start, samples = self._ring.read(end - self._length, end)
        if not len(samples):
            raise KwsEdgeError("the audio of a clip was gone before it could be saved")
        name = file_name(event)
        try:
            self._folder.add(name, wav(samples, self._rate), {**event.as_dict(), "start": start})
        except OSError as error:
            raise KwsEdgeError(f"cannot save clips: {error.strerror}") from error

    def close(self) -> None:
        self._folder.close()


class ClipFolder:
    """Adds files and removes the oldest; touches only the files that its manifest names.

    The manifest has one JSON line a file, in the order in which they were saved. It is
    rewritten when more than half of its lines name files that were removed.
    """

    def __init__(self, folder: Path, max_files: int, max_bytes: int) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._files: deque[tuple[str, int]] = deque()  # name, bytes; the oldest first
        self._lines = 0
        self._bytes = 0
        self._locked: int | None = None
        self._opened = False

    def close(self) -> None:
        """Leave the folder to another process."""
        if self._locked is not None:
            os.close(self._locked)
        self._locked, self._opened = None, False

    def open(self) -> None:
        """Read the manifest and the sizes of its files. Raises `OSError` and, where another
        process saves clips here, `KwsEdgeError`."""
        self._lock()
        self._opened = True
        for leftover in self._folder.glob(".*.part"):  # of a process that was killed
            leftover.unlink(missing_ok=True)
        entries = self._entries()
        for name in (str(entry["file"]) for entry in entries):
            path = self._folder / name
            if path.name == name and path.is_file():
                self._files.append((name, path.stat().st_size))
        self._bytes = sum(size for _, size in self._files)
        if len(entries) < self._lines:  # a power cut tore one: the next must not join it
            self._rewrite()

    def add(self, name: str, data: bytes, entry: dict[str, Any]) -> None:
        """Make room, then save a file and its line, or neither. Raises as `open`."""
        if not self._opened:  # the other process may have ended
            self.open()
        if self._lacks_room(len(data)):
            self._forget_removed()
        while self._files and self._lacks_room(len(data)):
            self._remove_oldest()
        line = json.dumps({"file": name, **entry}, ensure_ascii=False)
        write_atomically(self._folder / name, data, PRIVATE)
        try:
            append_line(self._folder / MANIFEST, line, PRIVATE)
        except OSError:  # a full disk: without its line nobody would ever remove the file
            (self._folder / name).unlink(missing_ok=True)
            raise
        self._files.append((name, len(data)))
        self._bytes += len(data)
        self._lines += 1
        if self._lines > 2 * len(self._files) + 10:
            self._rewrite()

    def _lacks_room(self, size: int) -> bool:
        return len(self._files) >= self._max_files or self._bytes + size > self._max_bytes

    def _forget_removed(self) -> None:
        """Clips that the page deleted take no room."""
        self._files = deque(one for one in self._files if (self._folder / one[0]).exists())
        self._bytes = sum(size for _, size in self._files)

    def _remove_oldest(self) -> None:
        name, size = self._files[0]
        (self._folder / name).unlink(missing_ok=True)
        self._files.popleft()
        self._bytes -= size

    def _lock(self) -> None:
        """Raises `KwsEdgeError` while another process saves into this folder."""
        if CAN_LOCK and self._locked is None:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                raise KwsEdgeError(
                    f"{self._folder}: another kws-edge saves clips here; clips.folder needs one"
                    " of its own for each"
                ) from error
            self._locked = descriptor

    def _rewrite(self) -> None:
        present = {name for name, _ in self._files}
        kept = [entry for entry in self._entries() if entry["file"] in present]
        lines = "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in kept)
        write_atomically(self._folder / MANIFEST, lines.encode(), PRIVATE)
        self._lines = len(kept)

    def _entries(self) -> list[dict[str, Any]]:
        try:
            text = (self._folder / MANIFEST).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        entries = []
        lines = text.splitlines()
        self._lines = len(lines)
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and "file" in entry:
                entries.append(entry)
        return entries


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


def _size_fault(config: WavClipsConfig, sample_rate: int) -> str:
    if config.seconds * sample_rate * 2 + 44 <= config.max_megabytes * 1e6:
        return ""
    return (
        f"clips.max_megabytes: {config.max_megabytes} is less than one clip of"
        f" {config.seconds:g} s takes"
    )


def _needs(settings: WavClipsConfig) -> SinkNeeds:
    return SinkNeeds(settings.seconds + BEHIND_SECONDS, settings.near_miss)


def _plan(name: str, settings: WavClipsConfig, context: SinkContext) -> SinkPlan | None:
    if context.ring is None:
        return None
    sink = WavClipSink(settings, context.ring, context.sample_rate)
    return SinkPlan(sink, settings.queue, (name, settings, context.ring))


def _check(name: str, settings: WavClipsConfig, context: SinkContext) -> list[str]:
    faults = [_size_fault(settings, context.sample_rate)]
    faults.append(check_private_folder(settings.folder, f"{name}.folder"))
    return [fault for fault in faults if fault]


SINK = SinkKind(
    "WAV files of the audio around detections and near misses.",
    WavClipsConfig,
    _plan,
    _check,
    _needs,
)
