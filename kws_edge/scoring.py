"""What was said against what was spotted: label tracks and their comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_edge.detector import Detection
from kws_edge.errors import DataError, MissingFileError


@dataclass(frozen=True)
class SpokenWord:
    """A word of a label track, from ``start`` to ``end`` in seconds."""

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class Score:
    """``hits`` and ``misses`` are of keywords, ``false_accepts`` of anything else."""

    hits: tuple[tuple[SpokenWord, Detection], ...]
    misses: tuple[SpokenWord, ...]
    false_accepts: tuple[Detection, ...]


def read_label_track(path: Path) -> list[SpokenWord]:
    """An Audacity label track: ``start<TAB>end<TAB>label`` a line, in seconds."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text") from error
    words = []
    for number, line in enumerate(lines, 1):
        try:
            start, end, label = line.split("\t")
            words.append(SpokenWord(float(start), float(end), label.strip()))
        except ValueError:
            raise DataError(
                f"{path}, line {number}: expected start, end and label with tabs between"
            ) from None
    return words


def score(
    detections: Sequence[Detection],
    spoken: Sequence[SpokenWord],
    keywords: Sequence[str],
    tolerance: float = 0.75,
) -> Score:
    """Match detections to spoken keywords, in order of time, each at most once.

    A detection is a hit if its label is spoken and its window ended between the word's
    start and ``tolerance`` seconds after the word's end.
    """
    open_words = [word for word in spoken if word.label in keywords]
    hits, false_accepts = [], []
    for detection in sorted(detections, key=lambda detection: detection.sample):
        for word in open_words:
            within = word.start <= detection.time_s <= word.end + tolerance
            if within and word.label == detection.label:
                hits.append((word, detection))
                open_words.remove(word)
                break
        else:
            false_accepts.append(detection)
    return Score(tuple(hits), tuple(open_words), tuple(false_accepts))
