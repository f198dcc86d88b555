"""The last seconds of a stream, for those who want to know what was heard."""

import threading

import numpy as np

from kws_edge.types import FloatArray


class AudioRing:
    """Keeps the last ``capacity`` samples; one thread pushes, others read.

    Its clock is the stream's: the first sample pushed is sample 0, and samples that were
    lost count as heard and read as zeros.
    """

    def __init__(self, capacity: int) -> None:
        if capacity <= 0:
            raise ValueError(f"capacity: {capacity} is not above 0")
        self._samples = np.zeros(capacity, np.float32)
        self._end = 0  # of what was pushed
        self._ended = False
        self._changed = threading.Condition()

    @property
    def end(self) -> int:
        """Samples of the stream so far, lost ones included."""
        return self._end

    @property
    def start(self) -> int:
        """The oldest sample that is still here."""
        return max(0, self._end - len(self._samples))

    def push(self, samples: FloatArray) -> None:
        """Take ``samples [n]`` (float32 in [-1, 1)), any n; never waits for a reader's work."""
        with self._changed:
            self._put(samples[-len(self._samples) :], len(samples))

    def skip(self, samples: int) -> None:
        """``samples`` were lost."""
        with self._changed:
            self._put(np.zeros(min(samples, len(self._samples)), np.float32), samples)

    def end_of_stream(self) -> None:
        """No more comes: nobody needs to wait any longer."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, sample: int, timeout: float) -> bool:
        """Wait until the stream has come to ``sample``; False after ``timeout`` seconds or
        at its end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._end >= sample, timeout)
            return self._end >= sample

    def read(self, start: int, end: int) -> tuple[int, FloatArray]:
        """What is here of the samples from ``start`` to before ``end``: the first sample's
        place in the stream and a copy of them, ``[n]`` with n >= 0."""
        with self._changed:
            start = max(start, self.start)
            end = max(start, min(end, self._end))
            places = np.arange(start, end) % len(self._samples)
            return start, self._samples[places]

    def _put(self, last: FloatArray, count: int) -> None:
        """``last [n]``: the end of ``count`` new samples, as much of it as there is room for."""
        size = len(self._samples)
        first = (self._end + count - len(last)) % size
        head = min(len(last), size - first)
        self._samples[first : first + head] = last[:head]
        self._samples[: len(last) - head] = last[head:]
        self._end += count
        self._changed.notify_all()
