"""The events of an engine and their documented JSON form.

The stream's own time (``time_s``, ``sample``) is the only clock of the pipeline; ``utc`` is
the time of day at which the event was made.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from kws_edge.boundary import printable
from kws_edge.detection.detector import Detection
from kws_edge.detection.near_misses import NearMiss

SCHEMA = 1

EventType = Literal["detection", "near_miss", "microphone", "dropped", "settings", "stopped"]
MicrophoneState = Literal["open", "lost", "back", "silent", "sound"]


@dataclass(frozen=True)
class Event:
    """One event.

    - ``detection``: ``label``, ``score`` (0 to 1), and ``verifier``, the score of the second
      stage, where there is one. Of a sequence, ``label`` is its name; ``words`` are its keywords
      and ``times_s`` their places in the stream. ``model`` where several listen.
    - ``near_miss``: the same for a word whose score came close to its threshold without
      reaching it, or that the second stage vetoed; only where the configuration asks
      for them (``clips.near_miss``, ``page.near_miss``).
    - ``microphone``: ``state`` (``open``, ``lost``, ``back``, ``silent``, ``sound``), ``reason``.
    - ``dropped``: ``samples`` of audio that never reached the spotter, ``reason``.
    - ``settings``: settings changed while kws-edge runs: ``mute``, ``preset`` (None: thresholds of
      no preset), ``keywords`` that are spotted, ``thresholds`` by keyword.
    - ``stopped``: ``seconds`` of audio in all, ``reason``.

    ``id`` counts the events of a process from 1; ``sample`` and ``time_s`` are the place in
    the stream.
    """

    type: EventType
    id: int
    sample: int
    time_s: float
    utc: str
    data: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, flat: the entries of ``data``, `printable`, beside the other fields."""
        document = asdict(self)
        data = {key: _printable(value) for key, value in self.data.items()}
        return {"schema": SCHEMA, **{k: document[k] for k in document if k != "data"}, **data}

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), ensure_ascii=False)


class EventFactory:
    """Numbers and stamps events."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._count = 0

    def detection(self, detection: Detection) -> Event:
        if not detection.parts:
            return self._scored("detection", detection)
        words = [part.label for part in detection.parts]
        times = [self._seconds(part.sample) for part in detection.parts]
        return self._scored("detection", detection, words=words, times_s=times)

    def near_miss(self, near_miss: NearMiss) -> Event:
        return self._scored("near_miss", near_miss)

    def make(self, kind: EventType, sample: int, **data: Any) -> Event:
        self._count += 1
        utc = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        return Event(kind, self._count, sample, self._seconds(sample), utc, data)

    def _scored(self, kind: EventType, found: Detection | NearMiss, **more: object) -> Event:
        data: dict[str, Any] = {"label": found.label, "score": round(found.score, 4)}
        if found.verifier is not None:
            data["verifier"] = round(found.verifier, 4)
        if found.model:
            data["model"] = found.model
        return self.make(kind, found.sample, **data, **more)

    def _seconds(self, sample: int) -> float:
        return round(sample / self._rate, 4)


def _printable(value: Any) -> Any:
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return printable(value) if isinstance(value, str) else value
