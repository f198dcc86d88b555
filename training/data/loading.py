"""The clips of a run, divided into parts."""

import hashlib
from pathlib import Path

from kws_edge.errors import DataError
from training.config import RunConfig
from training.data.clips import scan
from training.data.leaks import find_leaks
from training.data.splits import PARTS, Split, split_clips


def load_split(config: RunConfig, data: Path, split_lists: Path | None) -> Split:
    """The parts of the data; a leaking split is refused unless the run allows it."""
    clips = scan(data, config.labels)
    split = split_clips(clips, config.split, split_lists, config.seed)
    empty = [part for part in PARTS if not split.part(part)]
    if empty:
        raise DataError(f"{data}: no clips in the part {', '.join(empty)} of this split")
    if not config.allow_leaks and (leaks := find_leaks(split)):
        raise DataError(f"{data}: {leaks}; 'allow_leaks: true' trains all the same")
    return split


def fingerprint(split: Split) -> str:
    """12 hexadecimal digits for what a run trains on and is chosen by, wherever it lies.

    Made of the names and sizes of the training and validation clips, in their order; the
    samples are not read.
    """
    digest = hashlib.sha256()
    for part in ("training", "validation"):
        for clip in split.part(part):
            digest.update(f"{part} {clip.key} {clip.path.stat().st_size}\n".encode())
    return digest.hexdigest()[:12]
