"""Sentences of a data set like LibriSpeech: their texts, and where each word of them lies.

A folder holds recordings and their texts, either as LibriSpeech has them (``*.trans.txt`` beside
the recordings, ``<name> TEXT`` a line, the name beginning with the speaker and a ``-``) or as
``transcripts.tsv`` with the columns ``file``, ``speaker`` and ``text``. ``alignment.tsv``, which
``python -m training data align`` writes, has a line a word: file, word, start_s, end_s, speaker.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

from kws_edge.audio.files import AUDIO_SUFFIXES
from kws_edge.errors import DataError, MissingFileError

TRANSCRIPTS, ALIGNMENT = "transcripts.tsv", "alignment.tsv"
LARGEST_TABLE = 1 << 29  # bytes; the alignment of all of LibriSpeech has about that
COLUMNS = ("file", "word", "start_s", "end_s", "speaker")
NOT_IN_WORDS = re.compile(r"[^\w'\s]|_")
WORD = re.compile(r"'*[a-z][a-z']*")


@dataclass(frozen=True)
class Transcript:
    """A recording ``file``, relative to its folder, and the words said in it, in lower case."""

    file: str
    speaker: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class AlignedWord:
    """``word`` from ``start_s`` to ``end_s`` of a recording, in seconds."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Sentence:
    """An aligned recording ``file``, relative to its folder: its words in the order of time."""

    file: str
    speaker: str
    words: tuple[AlignedWord, ...]


def words_of(text: str) -> tuple[str, ...]:
    """The words of an English text, in lower case; none where it holds digits or foreign letters,
    since how they are said is not written."""
    words = NOT_IN_WORDS.sub(" ", text.lower()).split()
    return tuple(words) if all(map(WORD.fullmatch, words)) else ()


def read_transcripts(folder: Path) -> list[Transcript]:
    """The transcripts of ``folder``, by file. Raises `MissingFileError` where there is none and
    `DataError` for one that cannot be used."""
    table = folder / TRANSCRIPTS
    if not table.exists():
        return _read_trans_files(folder)
    found = [
        Transcript(_inside(row["file"], table), row["speaker"], words_of(row["text"]))
        for row in _rows(table, ("file", "speaker", "text"))
    ]
    return sorted(found, key=lambda transcript: transcript.file)


def _read_trans_files(folder: Path) -> list[Transcript]:
    files = sorted(folder.rglob("*.trans.txt"))
    if not files:
        raise MissingFileError(f"{folder}: holds neither {TRANSCRIPTS} nor *.trans.txt files")
    found = []
    for path in files:
        recordings = {p.stem: p for p in path.parent.iterdir() if p.suffix in AUDIO_SUFFIXES}
        for line in _text(path).splitlines():
            name, _, text = line.partition(" ")
            if name in recordings:
                file = recordings[name].relative_to(folder).as_posix()
                found.append(Transcript(file, name.split("-")[0], words_of(text)))
    return sorted(found, key=lambda transcript: transcript.file)


def read_alignment(path: Path) -> list[Sentence]:
    """The sentences of an ``alignment.tsv``, by file.

    Raises `MissingFileError`, and `DataError` where a line is no word of a recording.
    """
    sentences = []
    for file, rows in groupby(_rows(path, COLUMNS), key=lambda row: row["file"]):
        lines = list(rows)
        words = tuple(_spoken(row, path) for row in lines)
        sentences.append(Sentence(_inside(file, path), lines[0]["speaker"], words))
    return sorted(sentences, key=lambda sentence: sentence.file)


def alignment_lines(sentences: Iterable[Sentence], header: bool = True) -> str:
    """The text of an ``alignment.tsv``, or with ``header`` False lines to append to one."""
    buffer = io.StringIO()
    table = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    if header:
        table.writerow(COLUMNS)
    for sentence in sentences:
        table.writerows(
            [sentence.file, word.word, f"{word.start_s:.3f}", f"{word.end_s:.3f}", sentence.speaker]
            for word in sentence.words
        )
    return buffer.getvalue()


def _spoken(row: dict[str, str], path: Path) -> AlignedWord:
    try:
        word = AlignedWord(row["word"], float(row["start_s"]), float(row["end_s"]))
    except ValueError as error:
        raise DataError(f"{path}: {row['file']!r}: {error}") from error
    if not 0 <= word.start_s < word.end_s < float("inf"):
        raise DataError(f"{path}: {row['file']!r}: {word.word!r} ends before it begins")
    return word


def _inside(file: str, table: Path) -> str:
    path = PurePosixPath(file)
    if not file or path.is_absolute() or ".." in path.parts:
        raise DataError(f"{table}: {file!r} is not a path within {table.parent}")
    return file


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_text(path)), delimiter="\t", quoting=csv.QUOTE_NONE)
    rows = list(reader)
    if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
        raise DataError(f"{path}: has no column {', '.join(missing)}")
    short = next((n for n, row in enumerate(rows, 2) if None in map(row.get, columns)), None)
    if short:
        raise DataError(f"{path}: line {short} has fewer than {len(columns)} columns")
    return rows


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise DataError(f"{path}: larger than {LARGEST_TABLE >> 20} MB, expected a table")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text in UTF-8") from error
