"""Speakers and recordings that are in more than one part of the data."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.data.clips import Recording, inspect
from training.data.splits import PARTS, Split


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
