"""A sample's name, and its line in the manifest of a collection."""

import json
import re
import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from kws_edge.recorder.quality import Measures
from kws_edge.recorder.take import SAMPLE_RATE

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
        label: str, name: SampleName, device: str | None, measures: Measures, raw: str | None
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
        f"{name!r} cannot be a name here: letters, digits, - and _ (at most 64), a letter or"
        f" digit first{also}"
    )
