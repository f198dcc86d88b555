"""Label tracks, and the comparison of detections with them."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_edge.detection.detector import Detection
from kws_edge.errors import DataError, MissingFileError

TOLERANCE_S = 0.75  # a window of 1 s that looks past the word's end by half, and smoothing


@dataclass(frozen=True)
class SpokenWord:
    """A word of a label track, from ``start`` to ``end`` in seconds."""

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class StreamScore:
    """``hits`` and ``misses`` are of keywords, ``false_accepts`` of anything else."""

    hits: tuple[tuple[SpokenWord, Detection], ...]
    misses: tuple[SpokenWord, ...]
    false_accepts: tuple[Detection, ...]


def read_label_track(path: Path) -> list[SpokenWord]:
    """An Audacity label track: ``start<TAB>end<TAB>label`` a line, in seconds.

    As Audacity writes it: with a byte order mark, and with a line of frequencies, which begins
    with a backslash, after a label. Raises `MissingFileError`, `DataError`.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text") from error
    words = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("\\"):
            continue
        try:
            start, end, label = line.split("\t")
            word = SpokenWord(float(start), float(end), label.strip())
            if not 0 <= word.start <= word.end < math.inf:  # nor nan
                raise ValueError("times")
            words.append(word)
        except ValueError:
            raise DataError(
                f"{path}, line {number}: expected start, end and label with tabs between,"
                " in seconds"
            ) from None
    return words


def score(
    detections: Sequence[Detection],
    spoken: Sequence[SpokenWord],
    keywords: Sequence[str],
    tolerance: float = TOLERANCE_S,
) -> StreamScore:
    """Match detections to spoken keywords, in order of time, each at most once.

    A detection is a hit if its label is spoken and its window ended between the word's
    start and ``tolerance`` seconds after the word's end.
    """
    waiting: dict[str, deque[SpokenWord]] = {label: deque() for label in keywords}
    for word in sorted(spoken, key=lambda word: word.start):
        if word.label in waiting:
            waiting[word.label].append(word)
    hits, misses, false_accepts = [], [], []
    for detection in sorted(detections, key=lambda detection: detection.sample):
        words = waiting.get(detection.label, deque())
        while words and words[0].end + tolerance < detection.time_s:
            misses.append(words.popleft())
        if words and words[0].start <= detection.time_s:
            hits.append((words.popleft(), detection))
        else:
            false_accepts.append(detection)
    misses += [word for words in waiting.values() for word in words]
    misses.sort(key=lambda word: word.start)
    return StreamScore(tuple(hits), tuple(misses), tuple(false_accepts))
