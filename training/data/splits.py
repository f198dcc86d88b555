"""Training, validation and testing parts, and what stands in more than one of them."""

import hashlib
import os
import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kws_edge.errors import DataError, KwsEdgeError, MissingFileError
from training.data.clips import Clip, Recording, inspect

PARTS = ("training", "validation", "testing")
Part = Literal["training", "validation", "testing"]
Method = Literal["official", "lists", "random"]

# What a list's name has among its words: testing_list.txt, kws_val_split.txt.
LIST_NAMES = {
    "training": ("training", "train"),
    "validation": ("validation", "val", "valid", "dev"),
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
    digest = hashlib.sha1(os.fsencode(speaker), usedforsecurity=False).hexdigest()
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


def by_takes(clips: Sequence[Clip]) -> Split:
    """Every fifth take of each label, in the order of their names, is for validation."""
    training: list[Clip] = []
    validation: list[Clip] = []
    count: dict[str, int] = {}
    for clip in clips:
        count[clip.label] = count.get(clip.label, 0) + 1
        (training if count[clip.label] % 5 else validation).append(clip)
    return Split(tuple(training), tuple(validation), ())


def _at_random(clips: Sequence[Clip], seed: int) -> Split:
    shuffled = list(clips)
    random.Random(seed).shuffle(shuffled)
    held = len(shuffled) // 10
    testing, validation = shuffled[:held], shuffled[held : 2 * held]
    return Split(tuple(shuffled[2 * held :]), tuple(validation), tuple(testing))


def _by_lists(clips: Sequence[Clip], folder: Path) -> Split:
    """The parts that the lists in ``folder`` name.

    Without a list for training, as the data set itself comes, all clips that neither of the other
    lists names are for training; those lists may then name clips that are not there.
    """
    found = {part: _list_file(folder, part) for part in PARTS}
    for part in ("validation", "testing"):
        if found[part] is None:
            raise MissingFileError(
                f"{folder}: no list for {part}; expected one {LIST_NAMES[part][0]}.txt"
            )
    complete = found["training"] is not None
    parts = {part: _listed(clips, path, complete) for part, path in found.items() if path}
    if not complete:
        held = {clip.path for part in parts.values() for clip in part}
        parts["training"] = tuple(clip for clip in clips if clip.path not in held)
    return Split(*(parts[part] for part in PARTS))


def _listed(clips: Sequence[Clip], path: Path, strict: bool) -> tuple[Clip, ...]:
    """The clips that a list names, each by its label and name, as the end of a path or alone.

    Clips of labels that are not among ``clips`` are passed over. Raises `DataError` where others
    are not there, or where ``strict`` is not set, where none is.
    """
    by_key = {f"{clip.path.parent.name}/{clip.path.name}": clip for clip in clips}
    by_key |= {clip.key: clip for clip in clips}
    labels = {clip.label for clip in clips}
    try:
        lines = path.read_text("utf-8-sig", "surrogateescape").splitlines()
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    keys = ["/".join(line.strip().replace("\\", "/").split("/")[-2:]) for line in lines]
    keys = [key for key in keys if key]
    listed = [by_key[key] for key in keys if key in by_key]
    absent = [key for key in keys if key not in by_key]
    if strict and listed:
        absent = [key for key in absent if key.split("/")[0] in labels]
    if absent and (strict or not listed):
        raise DataError(f"{path}: {len(absent)} clips are not in the data, first {absent[0]}")
    return tuple(listed)


def _list_file(folder: Path, part: str) -> Path | None:
    names = LIST_NAMES[part]
    found = sorted(
        path
        for path in folder.glob("*.txt")
        if set(re.split(r"[\W_]+", path.stem.lower())) & set(names)
    )
    if len(found) > 1:
        listed = ", ".join(path.name for path in found)
        raise MissingFileError(f"{folder}: several lists for {part} ({listed}); expected one")
    return found[0] if found else None


def write_lists(split: Split, folder: Path) -> None:
    """Write ``training.txt``, ``validation.txt``, ``testing.txt``: one ``label/name`` a line."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        lines = "".join(f"{clip.key}\n" for clip in split.part(part))
        (folder / f"{part}.txt").write_text(lines, "utf-8", "surrogateescape")


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


def find_leaks(split: Split, report: Callable[[KwsEdgeError], None] | None = None) -> Leaks:
    """Compare the parts by speaker id and by the samples themselves; reads every clip.

    Recordings without a sample other than zero are all alike and do not count. ``report`` is for
    clips that cannot be read, as for `inspect`.
    """
    parts = {part: inspect(split.part(part), report) for part in PARTS}
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
