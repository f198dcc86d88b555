"""The last samples of a stream, kept so that what was passed over can still be heard."""

import numpy as np

from kws_edge.types import FloatArray


class History:
    """At least the last ``capacity`` samples; its ``end`` is the clock of the stream.

    For one thread: unlike `AudioRing` it has no lock, and what it gives are views.
    """

    def __init__(self, capacity: int) -> None:
        self.end = 0  # samples of the stream so far, lost ones included
        self._capacity = capacity
        # moved to the front when it is full: a copy of each sample in three on average
        self._samples = np.empty(4 * capacity, np.float32)
        self._held = 0

    def push(self, samples: FloatArray) -> None:
        """Take ``samples [n]`` (float32 in [-1, 1)), any n."""
        self.end += len(samples)
        if len(samples) > self._capacity:
            samples, self._held = samples[-self._capacity :], 0
        if self._held + len(samples) > len(self._samples):
            kept = self._samples[self._held - self._capacity : self._held]
            self._samples[: len(kept)] = kept
            self._held = len(kept)
        self._samples[self._held : self._held + len(samples)] = samples
        self._held += len(samples)

    def skip(self, samples: int) -> None:
        """``samples`` were lost: what was before them is forgotten."""
        self.end += samples
        self._held = 0

    def read(self, start: int, end: int) -> FloatArray:
        """What is here of the samples from ``start`` to before ``end``: a view that the next
        `push` may change."""
        first = self.end - self._held  # the oldest one
        return self._samples[max(0, start - first) : max(0, end - first)]

    def resized(self, capacity: int) -> "History":
        """The same stream with room for more or less."""
        history = History(capacity)
        kept = self.read(self.end - capacity, self.end)
        history.skip(self.end - len(kept))
        history.push(kept)
        return history
