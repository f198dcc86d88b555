"""Training, validation and testing parts, and what stands in more than one of them."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kws_edge.errors import DataError, MissingFileError
from training.data.clips import Clip, Recording, inspect

PARTS = ("training", "validation", "testing")
Part = Literal["training", "validation", "testing"]
Method = Literal["official", "lists", "random"]

# A course's lists are often named after its variables.
LIST_NAMES = {
    "training": ("training", "train"),
    "validation": ("validation", "val"),
    "testing": ("testing", "test"),
}

_MAX_PER_CLASS = 2**27 - 1


@dataclass(frozen=True)
class Split:
    """The clips of each part."""

    training: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    testing: tuple[Clip, ...]

    def part(self, name: str) -> tuple[Clip, ...]:
        clips: tuple[Clip, ...] = getattr(self, name)
        return clips


def official_part(speaker: str, validation: float = 10.0, testing: float = 10.0) -> Part:
    """Part of a speaker by the ``which_set`` rule of Speech Commands (arXiv:1804.03209, 7.1).

    ``validation`` and ``testing`` are in percent.
    """
    digest = hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest()
    percentage = (int(digest, 16) % (_MAX_PER_CLASS + 1)) * (100.0 / _MAX_PER_CLASS)
    if percentage < validation:
        return "validation"
    return "testing" if percentage < validation + testing else "training"


def split_clips(
    clips: Sequence[Clip], method: Method, lists: Path | None = None, seed: int = 0
) -> Split:
    """Divide ``clips`` by the official speaker hash, by given lists, or at random (80/10/10)."""
    if method == "lists":
        if lists is None:
            raise DataError("the split 'lists' needs a folder of lists (--split-lists DIR)")
        return _by_lists(clips, lists)
    if method == "random":
        return _at_random(clips, seed)
    parts: dict[str, list[Clip]] = {name: [] for name in PARTS}
    for clip in clips:
        parts[official_part(clip.speaker)].append(clip)
    return Split(*(tuple(parts[name]) for name in PARTS))


def _at_random(clips: Sequence[Clip], seed: int) -> Split:
    shuffled = list(clips)
    random.Random(seed).shuffle(shuffled)
    held = len(shuffled) // 10
    testing, validation = shuffled[:held], shuffled[held : 2 * held]
    return Split(tuple(shuffled[2 * held :]), tuple(validation), tuple(testing))


def _by_lists(clips: Sequence[Clip], folder: Path) -> Split:
    by_key = {clip.key: clip for clip in clips}
    parts = []
    for part in PARTS:
        path = _list_file(folder, part)
        keys = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        absent = [key for key in keys if key not in by_key]
        if absent:
            raise DataError(f"{path}: {len(absent)} clips are not in the data, first {absent[0]}")
        parts.append(tuple(by_key[key] for key in keys))
    return Split(*parts)


def _list_file(folder: Path, part: str) -> Path:
    names = LIST_NAMES[part]
    found = sorted(
        path
        for path in folder.glob("*.txt")
        if any(path.stem == name or path.stem.endswith(f"_{name}") for name in names)
    )
    if len(found) != 1:
        what = "several lists" if found else "no list"
        raise MissingFileError(f"{folder}: {what} for {part}; expected one {names[0]}.txt")
    return found[0]


def write_lists(split: Split, folder: Path) -> None:
    """Write ``training.txt``, ``validation.txt``, ``testing.txt``: one ``label/name`` a line."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        lines = "".join(f"{clip.key}\n" for clip in split.part(part))
        (folder / f"{part}.txt").write_text(lines)


@dataclass(frozen=True)
class Leaks:
    """``speakers`` and ``recordings`` (one name of each) that stand in more than one part."""

    speakers: tuple[str, ...]
    recordings: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.speakers or self.recordings)

    def __str__(self) -> str:
        return (
            f"{len(self.speakers)} speakers and {len(self.recordings)} identical recordings are"
            f" in more than one part{self._examples()}"
        )

    def _examples(self) -> str:
        examples = [*self.speakers[:2], *self.recordings[:2]]
        return f" (such as {', '.join(examples)})" if examples else ""


def find_leaks(split: Split) -> Leaks:
    """Compare the parts by speaker id and by the samples themselves; reads every clip.

    Recordings without a sample other than zero are all alike and do not count.
    """
    parts = {part: inspect(split.part(part)) for part in PARTS}
    return Leaks(
        _shared(parts, lambda recording: recording.clip.speaker),
        _shared(parts, lambda recording: recording.sha1),
    )


def _shared(parts: dict[str, list[Recording]], key: Callable[[Recording], str]) -> tuple[str, ...]:
    where: dict[str, set[str]] = defaultdict(set)
    name: dict[str, str] = {}
    for part, recordings in parts.items():
        for recording in recordings:
            where[key(recording)].add(part)
            name.setdefault(key(recording), recording.clip.key)
    shared: Sequence[str] = [value for value, found in where.items() if len(found) > 1]
    return tuple(sorted(name[value] for value in shared))
