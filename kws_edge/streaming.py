"""Features of a stream: push samples as they come, get each frame once.

The frames are those that `FrontEnd` gives for the whole stream at once; a push costs the
new frames only and nothing is reallocated.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from kws_edge.features import FeatureConfig, FloatArray, FrontEnd, pre_emphasise

CHUNK_SECONDS = 0.25  # how much of a long push is worked off at a time


class FeatureStream:
    """Rolling window of features over a stream of samples."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self._front_end = FrontEnd(config)
        chunk = max(int(CHUNK_SECONDS * config.sample_rate), config.frame_step)
        self._pending = np.zeros(config.frame_length + chunk, np.float32)
        # Every frame is written twice, one window apart, so that the last window of
        # frames always lies in one piece.
        frames, width = config.shape
        self._rows = np.zeros((2 * frames, width), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget everything heard, as after a gap in the audio."""
        self._held = 0  # samples waiting in _pending
        self._previous = 0.0  # last sample pushed, for the pre-emphasis
        self.frames_seen = 0

    def push(self, samples: FloatArray) -> FloatArray:
        """Take ``samples [n]`` (float32 in [-1, 1)); the new frames, ``[m, width]``, m >= 0."""
        if samples.ndim != 1:
            raise ValueError(f"expected mono samples of one dimension, found {samples.shape}")
        parts = []
        while True:
            room = len(self._pending) - self._held
            parts.append(self._take(samples[:room]))
            samples = samples[room:]
            if not len(samples):
                return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def full(self) -> bool:
        """Whether a whole window has been heard."""
        return self.frames_seen >= self.config.shape[0]

    @property
    def window(self) -> FloatArray:
        """The last window of frames, ``[frames, width]``: a view that the next push changes.

        Rows not yet heard hold what was there before; ask `full` first.
        """
        frames = self.config.shape[0]
        end = self.frames_seen % frames + frames
        return self._rows[end - frames : end]

    def _take(self, samples: FloatArray) -> FloatArray:
        if self.config.kind == "psf_mfcc" and len(samples):
            last = float(samples[-1])
            samples, self._previous = pre_emphasise(samples, self._previous), last
        self._pending[self._held : self._held + len(samples)] = samples
        self._held += len(samples)
        length, step = self.config.frame_length, self.config.frame_step
        count = max(0, 1 + (self._held - length) // step)
        if not count:
            return np.zeros((0, self.config.shape[1]), np.float32)
        stride = self._pending.strides[0]
        # [count, length]; sliding_window_view is checked and costs 10 us more
        frames = as_strided(self._pending, (count, length), (step * stride, stride))
        new = self._front_end.of_frames(frames)
        self._held -= count * step
        self._pending[: self._held] = self._pending[count * step : count * step + self._held]
        self._remember(new)
        return new

    def _remember(self, new: FloatArray) -> None:
        frames = self.config.shape[0]
        for index, row in enumerate(new, start=self.frames_seen):
            self._rows[index % frames] = self._rows[index % frames + frames] = row
        self.frames_seen += len(new)
