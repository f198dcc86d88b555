"""A folder of recordings that stays within a number and a size, with a manifest."""

import json
import os
from collections import deque
from pathlib import Path
from typing import Any

from kws_edge.files import write_atomically

PRIVATE = 0o600  # what was said in a room is nobody else's business
MANIFEST = "manifest.jsonl"


class ClipFolder:
    """Adds files and removes the oldest; knows only its own, those of its manifest.

    The manifest has one JSON line a file, in the order in which they were saved. It is
    written anew when half of its lines and more are of files that have gone.
    """

    def __init__(self, folder: Path, max_files: int, max_bytes: int) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._files: deque[tuple[str, int]] = deque()  # name, bytes; the oldest first
        self._lines = 0
        self._bytes = 0

    def open(self) -> None:
        """Take stock of what is there. Raises `OSError`."""
        for leftover in self._folder.glob(".*.part"):  # of a process that was killed
            leftover.unlink(missing_ok=True)
        entries = self._entries()
        for name in (str(entry["file"]) for entry in entries):
            path = self._folder / name
            if path.name == name and path.is_file():
                self._files.append((name, path.stat().st_size))
        self._bytes = sum(size for _, size in self._files)
        if len(entries) < self._lines:  # a power cut broke one off: the next is not to join it
            self._rewrite()

    def add(self, name: str, data: bytes, entry: dict[str, Any]) -> None:
        """Save a file and its line, after room was made for it. Raises `OSError`."""
        while self._files and (
            len(self._files) >= self._max_files or self._bytes + len(data) > self._max_bytes
        ):
            self._remove_oldest()
        write_atomically(self._folder / name, data, PRIVATE)
        self._files.append((name, len(data)))
        self._bytes += len(data)
        self._append({"file": name, **entry})
        if self._lines > 2 * len(self._files) + 10:
            self._rewrite()

    def _remove_oldest(self) -> None:
        name, size = self._files[0]
        (self._folder / name).unlink(missing_ok=True)
        self._files.popleft()
        self._bytes -= size

    def _append(self, entry: dict[str, Any]) -> None:
        path = self._folder / MANIFEST
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE)
        with os.fdopen(descriptor, "r+b") as file:
            line = f"{json.dumps(entry, ensure_ascii=False)}\n".encode()
            size = file.seek(0, os.SEEK_END)
            try:
                file.write(line)
                file.flush()
            except OSError:  # a full disk: no half line stays
                os.ftruncate(descriptor, size)
                raise
        self._lines += 1

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
