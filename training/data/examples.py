"""Features with their labels, as a network learns from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kws_edge.types import FloatArray

Report = Callable[[str], None]


@dataclass(frozen=True)
class Examples:
    """``features [n, frames, bands]`` (float32, or float16 on disk) and ``targets [n]``, the
    indices of labels."""

    features: npt.NDArray[np.floating[Any]]
    targets: npt.NDArray[np.int64]

    def in_memory(self) -> "Examples":
        """With plain arrays in place of mapped ones, so that they can be sent to a worker."""
        return Examples(np.array(self.features), np.array(self.targets))


class Epochs(Protocol):
    """Training examples by the number of the epoch, from 0; ``passes`` differ, then they
    repeat."""

    @property
    def passes(self) -> int: ...

    def get(self, epoch: int, report: Report = ...) -> Examples:
        """The examples of ``epoch``, in an order of their own, of which the caller draws."""


@dataclass(frozen=True)
class RepeatedEpochs:
    """``drawn`` in turn, epoch by epoch: one pass of clips as they are, or several of windows."""

    drawn: Sequence[Examples]

    @property
    def passes(self) -> int:
        return len(self.drawn)

    def get(self, epoch: int, report: Report = lambda _: None) -> Examples:
        return self.drawn[epoch % self.passes]


def one_hot(targets: npt.NDArray[np.int64], labels: int, smoothing: float) -> FloatArray:
    """``[n, labels]``; ``smoothing`` of the whole is spread over all labels alike."""
    rows = np.full((len(targets), labels), smoothing / labels, np.float32)
    rows[np.arange(len(targets)), targets] += 1 - smoothing
    return rows
