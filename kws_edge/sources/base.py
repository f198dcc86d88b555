"""What every source of audio gives: float32 blocks in [-1, 1), mono, at the rate asked for."""

from collections.abc import Iterator
from typing import Protocol

from kws_edge.types import FloatArray

BLOCK_SECONDS = 0.02
TICK_SECONDS = 0.25  # a live source that has no audio gives an empty block each


class AudioSource(Protocol):
    """Blocks of samples in order, until the source ends."""

    def blocks(self) -> Iterator["Block"]: ...


class Block:
    """``samples [n]``, n >= 0, and how many samples were ``lost`` just before them, why."""

    __slots__ = ("lost", "reason", "samples")

    def __init__(self, samples: FloatArray, lost: int = 0, reason: str = "") -> None:
        self.samples = samples
        self.lost = lost
        self.reason = reason
