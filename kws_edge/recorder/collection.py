"""A folder of samples for training: ``<label>/<speaker>-<UTC>-<n>.wav`` and a manifest.

The files decide: resuming, training and `kws-edge predict` read them. The manifest (JSON lines)
records the origin of each; `Collection.complete` adds a line for a file that has none. Neither
Ctrl-C nor a power cut leaves a sample half saved.
"""

import io
import json
import re
import signal
import tempfile
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.audio.speech_level import measure_speech
from kws_edge.errors import KwsEdgeError
from kws_edge.files import append_line, write_atomically
from kws_edge.process import STOPPING
from kws_edge.recorder.take import SAMPLE_RATE, Take, TakeMeasures, measure
from kws_edge.types import FloatArray

UTC = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"[^\W_][\w-]{0,63}")
FILE = re.compile(r"(?P<speaker>.+)-(?P<utc>\d{8}T\d{6}Z)-(?P<number>\d+)\.wav")


@dataclass(frozen=True)
class SampleName:
    """``<speaker>-<UTC>-<number>.wav``, as training reads speakers from names."""

    speaker: str
    date: datetime
    number: int

    def __str__(self) -> str:
        return f"{self.speaker}-{self.date:{UTC}}-{self.number}.wav"

    @staticmethod
    def parse(name: str) -> "SampleName | None":
        match = FILE.fullmatch(name)
        try:
            date = datetime.strptime(match["utc"], UTC) if match else None
        except ValueError:  # a 13th month: not written here
            return None
        if not match or not date:
            return None
        date = date.replace(tzinfo=timezone.utc)
        return SampleName(match["speaker"], date, int(match["number"]))


@dataclass(frozen=True)
class Entry:
    """A line of the manifest.

    ``path`` and ``raw`` (the whole take, where it was kept) are relative to the manifest's
    folder; levels in dBFS, the noise being that around the word; the word lies from
    ``word_start_s`` to ``word_end_s`` in the sample; ``device`` is None where it is not known.
    """

    path: str
    label: str
    speaker: str
    device: str | None
    sample_rate: int
    level_dbfs: float
    noise_dbfs: float
    peak_dbfs: float
    word_start_s: float | None
    word_end_s: float | None
    date: str
    raw: str | None

    @staticmethod
    def of(
        label: str, name: SampleName, device: str | None, measures: TakeMeasures, raw: str | None
    ) -> "Entry":
        start, end = measures.word or (None, None)
        return Entry(
            path=f"{label}/{name}",
            label=label,
            speaker=name.speaker,
            device=device,
            sample_rate=SAMPLE_RATE,
            level_dbfs=round(measures.level_dbfs, 1),
            noise_dbfs=round(measures.noise_dbfs, 1),
            peak_dbfs=round(measures.peak_dbfs, 1),
            word_start_s=None if start is None else round(start, 3),
            word_end_s=None if end is None else round(end, 3),
            date=f"{name.date:%Y-%m-%dT%H:%M:%SZ}",
            raw=raw,
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def check_name(name: str, special: tuple[str, ...] = ()) -> str:
    """A label or speaker fit to name a folder or file. Raises `ValueError` with the reason."""
    name = unicodedata.normalize("NFC", name)
    if name in special or NAME.fullmatch(name):
        return name
    also = f"; or {' or '.join(special)}" if special else ""
    raise ValueError(
        f"{name!r} cannot be a name here: letters, digits, - and _ (at most 64, no space), a letter"
        f" or digit first{also}"
    )


def check_speaker(name: str) -> str:
    """`check_name` for a speaker: people write names with spaces."""
    return check_name(name.strip().replace(" ", "-"))


MANIFEST = "manifest.jsonl"
PRIVATE = 0o600  # people's voices: for the owner alone
RAW = ".raw"  # what starts with a dot is no label to training


class Collection:
    """The samples in ``folder``, which is made where it is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def samples(self, label: str, speaker: str) -> list[SampleName]:
        """The samples of a speaker for a label, by number."""
        folder = self.folder / label
        found = [SampleName.parse(p.name) for p in folder.iterdir()] if folder.is_dir() else []
        mine = [name for name in found if name and name.speaker == speaker]
        return sorted(mine, key=lambda name: name.number)

    def counts(self, labels: Iterable[str], speaker: str) -> dict[str, int]:
        """The number of samples of a speaker, by label."""
        return {label: len(self.samples(label, speaker)) for label in labels}

    def save(
        self, take: Take, label: str, speaker: str, device: str | None, keep_raw: bool = False
    ) -> Entry:
        """Write a take and its line, all of it or nothing if the program is interrupted.

        Raises `KwsEdgeError` where the folder cannot be written.
        """
        number = max((name.number for name in self.samples(label, speaker)), default=0) + 1
        now = datetime.now(timezone.utc).replace(microsecond=0)
        name = SampleName(speaker, now, number)
        raw = f"{RAW}/{label}/{name}" if keep_raw else None
        entry = Entry.of(label, name, device, take.measures, raw)
        with uninterrupted(), self._writing(str(name)):
            try:
                if raw:
                    self._write(raw, take.raw)
                self._write(entry.path, take.sample)
                append_line(self.folder / MANIFEST, entry.to_json(), PRIVATE)
            except OSError:
                for written in filter(None, (raw, entry.path)):
                    (self.folder / written).unlink(missing_ok=True)
                raise
        return entry

    def check_writable(self, labels: Iterable[str]) -> None:
        """Make the folders; raises `KwsEdgeError` where one of them cannot be written."""
        for folder in (self.folder, *(self.folder / label for label in labels)):
            with self._writing(str(folder)):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder) as file:
                    file.write(b"room for a sample?")

    def complete(self, label: str, speaker: str) -> int:
        """Give a line to each file that has none (a power cut can part them); how many."""
        listed = {entry.get("path") for entry in self.entries()}
        missing = [n for n in self.samples(label, speaker) if f"{label}/{n}" not in listed]
        for name in missing:
            samples = read_audio(self.folder / label / str(name), SAMPLE_RATE)
            raw = f"{RAW}/{label}/{name}"
            kept = raw if (self.folder / raw).exists() else None
            measures = measure(samples, measure_speech(samples, SAMPLE_RATE))
            entry = Entry.of(label, name, None, measures, kept)
            with uninterrupted(), self._writing(MANIFEST):
                append_line(self.folder / MANIFEST, entry.to_json(), PRIVATE)
        return len(missing)

    def entries(self) -> Iterator[dict[str, Any]]:
        """The manifest's lines; one that a power cut damaged is passed over."""
        path = self.folder / MANIFEST
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry

    def _write(self, key: str, samples: FloatArray) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        write_wav(buffer, samples, SAMPLE_RATE)
        write_atomically(path, buffer.getvalue(), PRIVATE)

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise KwsEdgeError(
                f"{self.folder}: {what} cannot be written ({error.strerror}); is there room, and"
                " does the folder belong to you?"
            ) from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C, SIGTERM and SIGHUP waiting until the block is done.

    Then it is a `KeyboardInterrupt`. Other threads are never interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)

    # a signal that is ignored (nohup) stays so
    before = {s: handler for s in STOPPING if (handler := signal.getsignal(s)) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        raise KeyboardInterrupt
