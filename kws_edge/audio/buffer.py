"""The last samples of a stream, on the stream's own clock."""

import threading

import numpy as np

from kws_edge.types import FloatArray


class SampleBuffer:
    """Keeps the last ``capacity`` samples; one thread pushes, any thread reads.

    The first sample pushed is sample 0. Lost samples take their place in the stream and read
    as zeros. Memory: 4 bytes a sample, allocated once.
    """

    def __init__(self, capacity: int) -> None:
        """Raises `ValueError` for a capacity below 1."""
        if capacity <= 0:
            raise ValueError(f"capacity: {capacity} is not above 0")
        self._samples = np.zeros(capacity, np.float32)  # sample s lies at s % capacity
        self._first = 0  # nothing before this sample was ever in this buffer
        self._end = 0
        self._ended = False
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0  # readers in `wait_for`

    @property
    def end(self) -> int:
        """Samples of the stream so far, lost ones included."""
        return self._end

    @property
    def start(self) -> int:
        """The oldest sample that is still here."""
        return max(self._first, self._end - len(self._samples))

    def push(self, samples: FloatArray) -> None:
        """Append ``samples [n]`` (float32 in [-1, 1)), any n; never waits for a reader's work."""
        with self._lock:
            self._put(samples[-len(self._samples) :], len(samples))

    def skip(self, samples: int) -> None:
        """``samples`` were lost."""
        with self._lock:
            self._put(np.zeros(min(samples, len(self._samples)), np.float32), samples)

    def end_of_stream(self) -> None:
        """No more audio comes: `wait_for` returns at once."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, sample: int, timeout: float) -> bool:
        """Wait until the stream has come to ``sample``; False after ``timeout`` seconds or
        at its end."""
        with self._lock:
            self._waiting += 1
            self._changed.wait_for(lambda: self._ended or self._end >= sample, timeout)
            self._waiting -= 1
            return self._end >= sample

    def read(self, start: int, end: int) -> tuple[int, FloatArray]:
        """A copy of the samples from ``start`` to before ``end``, as far as they are here: the
        place of the first one in the stream, and ``[n]`` with n >= 0."""
        with self._lock:
            start = max(start, self.start)
            end = max(start, min(end, self._end))
            size = len(self._samples)
            first = start % size
            if first + end - start <= size:
                return start, self._samples[first : first + end - start].copy()
            rest = self._samples[: first + end - start - size]
            return start, np.concatenate([self._samples[first:], rest])

    def resized(self, capacity: int) -> "SampleBuffer":
        """The same stream, as much of it as there is room for, in another buffer."""
        buffer = SampleBuffer(capacity)
        buffer._first, kept = self.read(self._end - capacity, self._end)
        buffer._end = buffer._first
        buffer.push(kept)
        return buffer

    def _put(self, last: FloatArray, count: int) -> None:
        """``last [n]``: the end of ``count`` new samples, as much of it as there is room for."""
        size = len(self._samples)
        first = (self._end + count - len(last)) % size
        if first + len(last) <= size:
            self._samples[first : first + len(last)] = last
        else:
            head = size - first
            self._samples[first:] = last[:head]
            self._samples[: len(last) - head] = last[head:]
        self._end += count
        if self._waiting:
            self._changed.notify_all()
