"""Features of a stream: push samples as they come, get each frame once.

The frames are those that `FrontEnd` gives for the whole stream at once; a push costs the
new frames only and nothing is reallocated.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from kws_edge.features.config import FeatureConfig
from kws_edge.features.front_end import FrontEnd, check_signal
from kws_edge.types import FloatArray

CHUNK_SECONDS = 0.25  # a longer push is processed in parts of this length


class FeatureStream:
    """Rolling window of features over a stream of samples."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self._front_end = FrontEnd(config)
        chunk = max(int(CHUNK_SECONDS * config.sample_rate), config.frame_step)
        self._length, self._step = config.frame_length, config.frame_step
        self._pending = np.zeros(self._length + chunk, self._front_end.sample_dtype)
        # [frames that fit, frame_length], overlapping: all that ever starts at the front
        stride = self._pending.strides[0]
        self._frames: npt.NDArray[Any] = as_strided(
            self._pending, (1 + chunk // self._step, self._length), (self._step * stride, stride)
        )
        # Every frame is written twice, one window apart, so that the last window of
        # frames always lies in one piece.
        self._window, self._width = config.shape  # frames, features
        self._rows = np.zeros((2 * self._window, self._width), np.float32)
        self.reset()

    def reset(self, previous: float = 0.0) -> None:
        """Forget all samples, as after a gap in the audio; ``previous`` is the sample before
        the next one, where it is known."""
        self._held = 0  # samples waiting in _pending
        self._previous = previous  # last sample pushed, see FrontEnd.prepare
        self.frames_seen = 0

    def push(self, samples: FloatArray) -> FloatArray:
        """Take ``samples [n]`` (float32 in [-1, 1)); the new frames, ``[m, width]``, m >= 0."""
        check_signal(samples)
        parts = []
        while True:
            room = len(self._pending) - self._held
            parts.append(self._take(samples[:room]))
            samples = samples[room:]
            if not len(samples):
                return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def full(self) -> bool:
        """Whether the stream has filled a whole window."""
        return self.frames_seen >= self._window

    @property
    def window(self) -> FloatArray:
        """The last window of frames, ``[frames, width]``: a view that the next push changes.

        Until `full`, some of its rows are of no frame of this stream.
        """
        start = self.frames_seen % self._window
        return self._rows[start : start + self._window]

    def _take(self, samples: FloatArray) -> FloatArray:
        if len(samples):
            prepared = self._front_end.prepare(samples, self._previous)
            self._previous = float(samples[-1])
            self._pending[self._held : self._held + len(samples)] = prepared
            self._held += len(samples)
        count = 1 + (self._held - self._length) // self._step
        if count < 1:
            return np.zeros((0, self._width), np.float32)
        new = self._front_end.of_frames(self._frames[:count])
        used = count * self._step
        self._held -= used
        self._pending[: self._held] = self._pending[used : used + self._held]
        self._remember(new)
        return new

    def _remember(self, new: FloatArray) -> None:
        frames = self._window
        self.frames_seen += len(new)
        last = new[-frames:]  # more than a window at once: the rest is past already
        start = (self.frames_seen - len(last)) % frames
        head = min(len(last), frames - start)
        for at, part in ((start, last[:head]), (0, last[head:])):
            self._rows[at : at + len(part)] = part
            self._rows[at + frames : at + frames + len(part)] = part
