"""The spoken lines of a game that Debian packages, with what is said in each.

Flight of the Amazon Queen (1995; ``apt install flight-of-the-amazon-queen``; free to use, modify
and pass on) is hours of English by actors. Its one file is an archive in ScummVM's form: a table
of names, then the files, texts among them. What is known of these comes from the file itself.
"""

import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import DataError, MissingFileError

ARCHIVE = Path("/usr/share/scummvm/flight-of-the-amazon-queen/queen.1c")
MAGIC = b"QTBL"
COUNT_AT, TABLE_AT, ENTRY = 13, 15, struct.Struct(">12sBII")  # name, disk, offset, size
SPEECH, DIALOGUE, SCENE = ".SB", ".DOG", ".CUT"

HEADER = 20  # of a dialogue; then 16-bit numbers, of which these
KEY, OTHERS_AT = 2, 11  # the dialogue's number, and where the lines of others begin
STRING = re.compile(rb"(?=(..)(.)([ -~]+))", re.DOTALL)  # number, length, text
PAUSE = re.compile(r"\*(?:\d\d|[A-Z]{2})")  # "*02": a gesture; a recording of its own after it

OF_DIALOGUE = re.compile(r"(\d\d)([0-9A-F]{4})([JP])(\d)$")  # dialogue, line, hero or other, part
OF_SCENE = re.compile(r"(C\d+[A-Z])_?\d{3}$")


@dataclass(frozen=True)
class Line:
    """A recorded part of a line: its name, who says it (one of them in one place), what is said
    (or more than that, where the parts are not told apart) and the MP3 file."""

    name: str
    voice: str
    text: str
    recording: bytes


def read_lines(path: Path) -> Iterator[Line]:
    """The lines in the archive ``path`` whose words are known, by name.

    Raises `MissingFileError`, and `DataError` for a file that is no such archive.
    """
    files = _unpacked(path)
    dialogues = _dialogues(files)
    recordings = sorted(name.removesuffix(SPEECH) for name in files if name.endswith(SPEECH))
    parts: dict[str, int] = {}
    for name in recordings:
        if match := OF_DIALOGUE.match(name):
            parts[name[:-1]] = max(int(match[4]), parts.get(name[:-1], 0))
    for name in recordings:
        if match := OF_DIALOGUE.match(name):
            text = dialogues.get((int(match[1]), match[3], int(match[2], 16)))
            said = [part for part in map(str.strip, PAUSE.split(text or "")) if part]
            if len(said) == parts[name[:-1]]:
                text = said[int(match[4]) - 1]
            voice = f"queen{match[1]}{match[3]}"
        elif (match := OF_SCENE.match(name)) and (scene := files.get(match[1] + SCENE)):
            text = " ".join(run.decode() for run in re.findall(rb"[ -~]{3,}", scene))
            voice = f"queen{match[1]}"
        else:
            continue
        if text:
            yield Line(name, voice, text, files[name + SPEECH])


def _unpacked(path: Path) -> dict[str, bytes]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingFileError(
            f"{path}: {error.strerror}; apt install flight-of-the-amazon-queen"
        ) from error
    count = int.from_bytes(content[COUNT_AT:TABLE_AT], "big")
    table = content[TABLE_AT : TABLE_AT + count * ENTRY.size]
    if not content.startswith(MAGIC) or not 0 < count * ENTRY.size <= len(table):
        raise DataError(f"{path}: not the archive of Flight of the Amazon Queen")
    return {
        name.split(b"\0")[0].decode("ascii", "replace"): content[offset : offset + size]
        for name, _, offset, size in ENTRY.iter_unpack(table)
    }


def _dialogues(files: dict[str, bytes]) -> dict[tuple[int, str, int], str]:
    """What is said, by the dialogue's number, ``J`` (the hero) or ``P`` and the line's number."""
    texts: dict[tuple[int, str, int], list[str]] = defaultdict(list)
    for name, content in files.items():
        body = content[HEADER:]
        if not name.endswith(DIALOGUE) or len(body) < 2 * (OTHERS_AT + 1):
            continue
        numbers = struct.unpack_from(f">{OTHERS_AT + 1}H", body)
        for match in STRING.finditer(body):
            if match[2][0] == len(match[3]) > 1:
                who = "J" if match.start() < numbers[OTHERS_AT] else "P"
                key = (numbers[KEY], who, int.from_bytes(match[1], "big"))
                texts[key].append(match[3].decode())
    return {key: " ".join(said) for key, said in texts.items()}
