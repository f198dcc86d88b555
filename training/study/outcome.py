"""What a model made of some clips: how many it knew, which, and what it took them for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.errors import ValidationErrors
from training.data.clips import Clip
from training.stats import wilson_interval


@dataclass(frozen=True)
class Outcome:
    """A model on the clips of ``data`` (in words), ``clips_id`` being made of their names.

    ``accuracy`` with its 95 % interval, in 0 to 1. ``confusion``: rows are what was spoken,
    columns what was heard. ``correct``: a bit a clip in the order of their names, as
    hexadecimal digits, so that two models can be compared clip by clip.
    """

    data: str
    clips_id: str
    clips: int
    accuracy: float
    lower: float
    upper: float
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    correct: str

    def __post_init__(self) -> None:
        faults = []
        if self.clips < 1 or len(self.correct) != 2 * -(-self.clips // 8):
            faults.append(f"correct: {len(self.correct)} digits do not fit {self.clips} clips")
        elif not set(self.correct) <= set("0123456789abcdef"):
            faults.append("correct: not hexadecimal")
        if faults:
            raise ValidationErrors(faults)

    def right(self) -> npt.NDArray[np.bool_]:
        """Was each clip heard as what it is? ``[clips]``"""
        packed = np.frombuffer(bytes.fromhex(self.correct), np.uint8)
        return np.unpackbits(packed, count=self.clips).astype(bool)


def outcome_of(
    heard: npt.NDArray[np.int64], clips: Sequence[Clip], labels: Sequence[str], data: str
) -> Outcome:
    """``heard [clips]`` are indices of ``labels``; ``clips`` are sorted by name."""
    index = {label: number for number, label in enumerate(labels)}
    spoken = np.array([index[clip.label] for clip in clips], np.int64)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (spoken, heard), 1)
    correct, count = int(np.sum(heard == spoken)), len(clips)
    lower, upper = wilson_interval(correct, count)
    return Outcome(
        data=data,
        clips_id=clips_id(clips),
        clips=count,
        accuracy=correct / count,
        lower=lower,
        upper=upper,
        labels=tuple(labels),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        correct=np.packbits(heard == spoken).tobytes().hex(),
    )


def clips_id(clips: Sequence[Clip]) -> str:
    """12 hexadecimal digits for the names of clips."""
    names = "".join(f"{clip.key}\n" for clip in clips)
    return hashlib.sha256(names.encode()).hexdigest()[:12]
