"""Sets of recordings beside a configuration's own clips: what may be taken of each, by part.

A clip is known by its set and its content, so the same recording under two names is taken once.
Never taken are speakers that the official split tests on, and whatever has the content of one of
their clips or of a clip in a set of the kind ``withheld``, such as an official test set.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kws_edge.audio.files import audio_files
from kws_edge.errors import DataError, MissingFileError
from kws_edge.files import write_atomically
from training.data.clips import Clip, inspect, scan, speaker_of
from training.data.sources.near_words import near_words
from training.data.sources.sentences import ALIGNMENT, read_alignment
from training.data.splits import Part, official_part

FIFTH = 5  # of the speakers, one is for validation
TESTING_LIST = "testing_list.txt"  # of Speech Commands: a label/name a line


@dataclass(frozen=True)
class SetConfig:
    """A folder of recordings, relative to the command's ``--data``.

    ``kind``: ``words`` are folders of labels with clips; ``speech`` is running speech without
    keywords; ``sentences`` have an alignment.tsv and may hold keywords; of ``withheld``
    recordings none is taken, from any set. ``split`` divides by speaker: ``official`` by the hash
    of Speech Commands, ``fifth`` holds every fifth for validation, in the order of their names;
    ``training`` and ``validation`` take all of them for that part.
    """

    folder: Path
    kind: Literal["words", "speech", "sentences", "withheld"] = "words"
    split: Literal["official", "fifth", "training", "validation"] = "official"


@dataclass(frozen=True)
class CatalogueConfig:
    """The sets to take from, for the keywords ``words``."""

    words: tuple[str, ...]
    sets: tuple[SetConfig, ...]


@dataclass(frozen=True)
class Occurrence:
    """``word`` as ``speaker`` says it in a sentence, from ``start_s`` to ``end_s`` of ``path``.

    ``distance`` is that to the nearest keyword in phonemes: 0 for a keyword, and for a word that
    sounds like one, which is neither a positive nor a negative.
    """

    path: Path
    word: str
    speaker: str
    start_s: float
    end_s: float
    distance: int


@dataclass(frozen=True)
class CatalogueEntry:
    """A recording that is taken: of which ``set`` (its folder's name), for which ``part``, the
    SHA-1 of its samples, and what is said in it."""

    set: str
    part: Part
    sha1: str
    clip: Clip
    running: bool = False
    words: tuple[Occurrence, ...] = ()

    @property
    def key(self) -> str:
        """The recording's name wherever its file lies: set and content."""
        return f"{self.set}/{self.sha1}"


@dataclass(frozen=True)
class Catalogue:
    """``entries`` in the order of sets and names; ``left_out`` counts reasons by set."""

    entries: tuple[CatalogueEntry, ...]
    left_out: Mapping[str, Mapping[str, int]]

    def clips(self, part: str) -> list[Clip]:
        """Those of single words, keywords or not."""
        return [e.clip for e in self.entries if e.part == part and not e.running]

    def speech(self, part: str) -> tuple[Path, ...]:
        """Recordings of running speech in which no keyword, nor what sounds like one, is said."""
        return tuple(
            entry.clip.path
            for entry in self.entries
            if entry.part == part and entry.running and all(w.distance for w in entry.words)
        )

    def occurrences(self, part: str) -> tuple[Occurrence, ...]:
        """The words of the sentences."""
        return tuple(w for e in self.entries if e.part == part for w in e.words)


def read_sets(
    sets: Sequence[SetConfig],
    data: Path,
    keywords: Sequence[str],
    *,
    known: Sequence[Clip] = (),
    cache: Path | None = None,
) -> Catalogue:
    """What may be taken of ``sets``, folders below ``data``, beside the clips ``known``.

    The first set that has a recording keeps it. Every recording is read once; ``cache`` is a
    folder that keeps their SHA-1. Raises `MissingFileError`, `DataError`, and `ConfigError` where
    sentences need pocketsphinx's dictionary.
    """
    if not sets:
        return Catalogue((), {})
    found = [_SetContents.read(config, data, keywords) for config in sets]
    paths = [clip.path for one in found for clip in one.clips]
    digests = content_digests([*paths, *(clip.path for clip in known)], cache)
    seen = {digests[clip.path] for clip in known}
    never = {digests[c.path] for one in found for c in one.clips if one.is_withheld(c)}
    entries: list[CatalogueEntry] = []
    left_out: dict[str, Counter[str]] = {}
    for one in found:
        reasons = left_out[one.name] = Counter(one.left_out)
        for clip in one.clips if one.config.kind != "withheld" else ():
            sha1 = digests[clip.path]
            if sha1 in never:
                reasons["of a testing speaker or withheld"] += 1
            elif sha1 in seen:
                reasons["the same recording as another"] += 1
            else:
                seen.add(sha1)
                entries.append(one.entry(clip, sha1))
    _refuse_shared_speakers(entries)
    return Catalogue(tuple(entries), left_out)


@dataclass(frozen=True)
class _SetContents:
    """The recordings of a set, in the order of their names; ``words`` of each that is a
    sentence."""

    config: SetConfig
    clips: tuple[Clip, ...]
    parts: Mapping[str, Part]  # by speaker
    listed: frozenset[str] = frozenset()  # keys of clips that are for testing
    words: Mapping[Path, tuple[Occurrence, ...]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, config: SetConfig, data: Path, keywords: Sequence[str]) -> "_SetContents":
        folder = data / config.folder
        if config.kind == "sentences":
            words = _sentences(folder, keywords)
            clips = tuple(Clip(path, "", said[0].speaker) for path, said in words.items())
            absent = len(audio_files(folder)) - len(clips)
            left_out = {"not aligned": absent} if absent else {}
            return cls(config, clips, _parts(config, clips), words=words, left_out=left_out)
        if config.kind == "words":
            clips = tuple(clip for clip in scan(folder) if clip.label[0] != "_")
        else:
            clips = tuple(Clip(path, "", speaker_of(path)) for path in audio_files(folder))
        listing = folder / TESTING_LIST
        names = listing.read_text(errors="replace") if listing.exists() else ""
        return cls(config, clips, _parts(config, clips), frozenset(names.split()))

    @property
    def name(self) -> str:
        return self.config.folder.name

    def is_withheld(self, clip: Clip) -> bool:
        testing = self.parts[clip.speaker] == "testing"
        return self.config.kind == "withheld" or testing or clip.key in self.listed

    def entry(self, clip: Clip, sha1: str) -> CatalogueEntry:
        running = self.config.kind != "words"
        part, words = self.parts[clip.speaker], self.words.get(clip.path, ())
        return CatalogueEntry(self.name, part, sha1, clip, running, words)


def _parts(config: SetConfig, clips: Iterable[Clip]) -> dict[str, Part]:
    speakers = sorted({clip.speaker for clip in clips})
    if config.split == "official":
        return {speaker: official_part(speaker) for speaker in speakers}
    if config.split == "fifth":
        return {
            speaker: "training" if number % FIFTH else "validation"
            for number, speaker in enumerate(speakers)
        }
    return dict.fromkeys(speakers, config.split)


def _sentences(folder: Path, keywords: Sequence[str]) -> dict[Path, tuple[Occurrence, ...]]:
    sentences = read_alignment(folder / ALIGNMENT)
    words = sorted({spoken.word for sentence in sentences for spoken in sentence.words})
    nearest = dict(zip(words, near_words(keywords, words).min(axis=1).tolist(), strict=True))
    return {
        folder / sentence.file: tuple(
            Occurrence(
                folder / sentence.file,
                spoken.word,
                sentence.speaker,
                spoken.start_s,
                spoken.end_s,
                nearest[spoken.word],
            )
            for spoken in sentence.words
        )
        for sentence in sentences
    }


def _refuse_shared_speakers(entries: Iterable[CatalogueEntry]) -> None:
    parts: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in entries:
        parts[entry.clip.speaker][entry.part] = entry.key.split("/")[0]
    for speaker, found in parts.items():
        if len(found) > 1:
            where = " and ".join(f"{part} in {name}" for part, name in sorted(found.items()))
            raise DataError(f"speaker {speaker} is for {where}; give these sets the same split")


def content_digests(paths: Iterable[Path], cache: Path | None = None) -> dict[Path, str]:
    """SHA-1 (hexadecimal) of the samples of each recording; those of files whose size and time
    are the same as when ``cache`` was written are not read again."""
    table = None if cache is None else cache / "contents.json"
    known: dict[str, list[object]] = {}
    try:
        known = json.loads(table.read_text()) if table and table.exists() else {}
    except ValueError:  # damaged: made anew
        known = {}
    stamps = {}
    for path in dict.fromkeys(paths):
        try:
            status = path.stat()
        except OSError as error:
            raise MissingFileError(f"{path}: {error.strerror}") from error
        stamps[path] = [status.st_size, status.st_mtime_ns]
    fresh = [p for p, stamp in stamps.items() if known.get(str(p.resolve()), [])[:2] != stamp]
    for recording in inspect(Clip(path, "", "") for path in fresh):
        path = recording.clip.path
        known[str(path.resolve())] = [*stamps[path], recording.sha1]
    if table and fresh:
        table.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(table, json.dumps(known).encode())
    return {path: str(known[str(path.resolve())][2]) for path in stamps}
