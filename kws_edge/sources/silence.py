"""A microphone that gives nothing: muted, unplugged from its adapter, or broken."""

from typing import Literal

from kws_edge.types import FloatArray


class SilenceWatch:
    """Notices a stretch of nothing but zeros, or of one constant, and its end."""

    def __init__(self, samples: int) -> None:
        self._limit = samples
        self._value: float | None = None
        self._run = 0  # samples of that value so far
        self.silent = False

    def push(self, samples: FloatArray) -> Literal["silent", "sound"] | None:
        """Take ``samples [n]``; the change they bring, if any."""
        if not len(samples):
            return None
        low, high = float(samples.min()), float(samples.max())
        if low != high:
            self._value, self._run = None, 0
        elif low == self._value:
            self._run += len(samples)
        else:
            self._value, self._run = low, len(samples)
        silent = self._run >= self._limit
        if silent == self.silent or (self.silent and self._run):
            return None  # one constant after another is no sound
        self.silent = silent
        return "silent" if silent else "sound"
