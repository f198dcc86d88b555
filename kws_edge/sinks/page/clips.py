"""The saved clips: listed, read, deleted, or labelled and moved into a folder of recordings."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from kws_edge.audio.files import read_audio
from kws_edge.errors import DataError, KwsEdgeError
from kws_edge.recorder.collection import Collection, check_name
from kws_edge.recorder.take import BACKGROUND, OTHER_WORD, SAMPLE_RATE, judge, unusable
from kws_edge.sinks.page.server import json_body
from kws_edge.sinks.wav_clips import MANIFEST

NEWEST = 200  # that a page lists
SPEAKER = "clips"
BEFORE_SECONDS, AFTER_SECONDS = 1.5, 0.5  # around the decision: its window in the middle


class Clips:
    """The clips in ``folder`` that its manifest names; nothing else is read or removed.

    A labelled clip becomes a sample in ``recordings`` as 'kws-edge record' saves it, and leaves
    the folder. None: there is no such folder. Called from several threads.
    """

    def __init__(
        self, folder: Path | None, recordings: Path | None, labels: Callable[[], Sequence[str]]
    ) -> None:
        """``labels`` returns those of the model at work."""
        self._folder, self._recordings, self._model_labels = folder, recordings, labels
        self._changing = threading.Lock()

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._model_labels(), OTHER_WORD, BACKGROUND)))

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/api/clips", self._list),
            web.get("/api/clips/{name}", self._send),
            web.post("/api/clips/{name}", self._label),
            web.delete("/api/clips/{name}", self._delete),
        ]

    def describe(self) -> dict[str, Any]:
        """For ``/api/state``: which folders there are, and the labels."""
        return {
            "saved": self._folder is not None,
            "recordings": str(self._recordings) if self._recordings else None,
            "labels": self._labels,
        }

    def newest(self) -> list[dict[str, Any]]:
        """The manifest's lines of the newest clips, the newest first."""
        found = [entry for entry in self._entries() if self._path(entry["file"])]
        return found[: -NEWEST - 1 : -1]

    def read(self, name: str) -> bytes | None:
        """The WAV file; None where there is no such clip."""
        path = self._named(name)
        try:
            return path.read_bytes() if path else None
        except FileNotFoundError:  # the sink removed it meanwhile
            return None

    def delete(self, name: str) -> bool:
        """Whether there was such a clip."""
        with self._changing:
            path = self._named(name)
            if path:
                path.unlink(missing_ok=True)
            return path is not None

    def label(self, name: str, label: object, speaker: object) -> dict[str, Any] | None:
        """Save the second around the word as a sample and remove the clip.

        What was saved (``path``), and ``notes``: for what the recorder would have asked for
        another take. None where there is no such clip; raises `KwsEdgeError`.
        """
        if self._recordings is None:
            raise DataError("page.recordings is not set: there is no folder for labelled clips")
        if label not in self._labels or not isinstance(label, str):
            raise DataError(f"label: not one of {', '.join(self._labels)}")
        try:
            speaker = check_name(SPEAKER if speaker is None else str(speaker))
        except ValueError as error:
            raise DataError(f"speaker: {error}") from error
        with self._changing:
            entry = next((one for one in self._entries() if one["file"] == name), None)
            path = self._path(name) if entry else None
            if entry is None or path is None:
                return None
            take = judge(_around_decision(path, entry), label)
            if refused := unusable(take.raw, SAMPLE_RATE, 0):
                raise DataError("; ".join(refused))
            collection = Collection(self._recordings)
            collection.check_writable([label])
            saved = collection.save(take, label, speaker, None)
            path.unlink(missing_ok=True)
        return {"path": str(self._recordings / saved.path), "notes": list(take.faults)}

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(self.newest))

    async def _send(self, request: web.Request) -> web.Response:
        data = await asyncio.to_thread(self.read, request.match_info["name"])
        if data is None:
            raise web.HTTPNotFound
        return web.Response(body=data, content_type="audio/wav")

    async def _label(self, request: web.Request) -> web.Response:
        body, name = await json_body(request), request.match_info["name"]
        saved = await asyncio.to_thread(self.label, name, body.get("label"), body.get("speaker"))
        if saved is None:
            raise web.HTTPNotFound
        return web.json_response(saved)

    async def _delete(self, request: web.Request) -> web.Response:
        if not await asyncio.to_thread(self.delete, request.match_info["name"]):
            raise web.HTTPNotFound
        return web.json_response({})

    def _named(self, name: str) -> Path | None:
        """The file of a clip that the manifest names."""
        known = any(entry["file"] == name for entry in self._entries())
        return self._path(name) if known else None

    def _path(self, name: str) -> Path | None:
        """The file itself, in the folder itself: no link out of it."""
        path = (self._folder or Path()) / name
        inside = path.name == name and path.suffix == ".wav"
        return path if inside and path.is_file() and not path.is_symlink() else None

    def _entries(self) -> Iterator[dict[str, Any]]:
        if self._folder is None:
            return
        try:
            text = (self._folder / MANIFEST).read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise KwsEdgeError(f"{self._folder}: {error.strerror}") from error
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and isinstance(entry.get("file"), str):
                yield entry


def _around_decision(path: Path, entry: dict[str, Any]) -> Any:
    """Samples ``[n]`` at 16 kHz, n at least 16000, of a clip around the place that decided.

    Raises `DataError` for a clip that is shorter.
    """
    samples = read_audio(path, SAMPLE_RATE)
    if len(samples) < SAMPLE_RATE:
        raise DataError("the clip is shorter than a second; see clips.seconds")
    try:
        seconds = (entry["sample"] - entry["start"]) * entry["time_s"] / entry["sample"]
    except (KeyError, TypeError, ZeroDivisionError):
        return samples  # a manifest that somebody edited
    start = max(0, round((seconds - BEFORE_SECONDS) * SAMPLE_RATE))
    part = samples[start : start + round((BEFORE_SECONDS + AFTER_SECONDS) * SAMPLE_RATE)]
    return part if len(part) >= SAMPLE_RATE else samples
