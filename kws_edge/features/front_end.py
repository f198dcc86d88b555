"""A front end over whole signals and over streams: NumPy, equal to TensorFlow's ``tf.signal``.

A signal is float32 in [-1, 1), mono, at ``config.sample_rate``. Only whole frames count, as with
`tf.signal.stft(pad_end=False)`. Features are float32, ``[frames, width]``. `FeatureStream` gives
the same frames as `FrontEnd`, one push of samples at a time: a push costs its new frames only and
reallocates nothing.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.features.config import FeatureConfig
from kws_edge.types import FloatArray

__all__ = [
    "FeatureConfig",
    "FeatureStream",
    "FloatArray",
    "FrontEnd",
    "RollingFeatures",
    "check_signal",
    "frames_of",
]


class FrontEnd:
    """The front end that ``config.kind`` names, its tables made once."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self._transform = config.front_end(config)
        self.sample_dtype = np.dtype(self._transform.sample_dtype)

    def __call__(self, signal: FloatArray) -> FloatArray:
        """Features of a whole signal ``[samples]``: ``[frames, width]``.

        A front end that adapts to the sound before has first adapted to the signal itself, from
        back to front: a window stands for one out of a stream, of which this is the likeliest
        past. Raises `ValueError` where the signal is not mono or not of floats.
        """
        check_signal(signal)
        self.reset()
        step, settling = self.config.frame_step, self._transform.settling_samples
        past = signal[: min(settling, len(signal) // step * step)][::-1]
        samples = np.concatenate([past, signal]) if len(past) else signal
        features = self.of_frames(frames_of(self.prepare(samples, 0.0), self.config))
        return features[len(past) // step :]

    def reset(self) -> None:
        """The next samples begin a signal."""
        self._transform.reset()

    def prepare(self, samples: FloatArray, previous: float) -> npt.NDArray[Any]:
        """``samples [n]`` as they go into frames, ``[n]`` of ``sample_dtype``; ``previous`` is
        the sample before the first, 0 at the start of a signal."""
        return self._transform.prepare(samples, previous)

    def of_frames(self, frames: npt.NDArray[Any]) -> FloatArray:
        """Features of prepared ``frames [n, frame_length]``: ``[n, width]``."""
        return self._transform.compute(frames)


def frames_of(signal: npt.NDArray[Any], config: FeatureConfig) -> npt.NDArray[Any]:
    """The whole frames of ``signal [samples]``, ``[frames, frame_length]``: a view."""
    check_signal(signal)
    length, step = config.frame_length, config.frame_step
    count = max(0, 1 + (len(signal) - length) // step)
    stride = signal.strides[0]
    # not sliding_window_view, whose checks cost 9 us
    return as_strided(signal, (count, length), (step * stride, stride), writeable=False)


def check_signal(signal: npt.NDArray[Any]) -> None:
    """Raises `ValueError` for what is not mono, and for integers, which are not in [-1, 1)."""
    if signal.ndim != 1:
        raise ValueError(f"expected a mono signal of one dimension, found shape {signal.shape}")
    if signal.dtype.kind != "f":
        raise ValueError(f"expected floats in [-1, 1), found {signal.dtype}: see from_pcm16")


CHUNK_SECONDS = 0.25  # a longer push is processed in parts of this length
MOST_ANSWERS = 16  # windows that are kept for a reader who comes later


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
        self._front_end.reset()
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


@dataclass(frozen=True)
class FeatureWindow:
    """``features [frames, width]``, the last of ``frames_seen`` frames of a ``run`` without gaps;
    they hold until the next is asked for."""

    features: FloatArray
    frames_seen: int
    run: int


class RollingFeatures:
    """The window of features that ends at a sample of a stream, for all who ask for the same
    settings: the first who asks for a sample pays for it, and only for what is new."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self.readers = 0
        self._size = config.framed_samples
        self._stream = FeatureStream(config)
        self._current = 0  # features have been made up to here
        self._run = self._runs = 0
        self._answers: dict[int, FeatureWindow] = {}  # the last, by sample, where several read

    def reset(self, sample: int) -> None:
        """Forget all audio: frames begin at ``sample``, as after a gap."""
        self._answers.clear()
        self._restart(sample, 0.0)

    def window(self, sample: int, audio: SampleBuffer) -> FeatureWindow:
        """The window that ends at ``sample``, from ``audio``, which holds it and the sample before.

        From the new samples, or afresh where an idle time or a hop was longer than a window, and
        where another reader is long past ``sample``.
        """
        if sample < self._current:
            return self._answers.get(sample) or self._afresh(sample, audio)
        start = sample - self._size
        if self._current < start:
            self._restart(start, _sample_before(start, audio))
        if self._current < sample:
            self._stream.push(audio.read(self._current, sample)[1])
            self._current = sample
        window = FeatureWindow(self._stream.window, self._stream.frames_seen, self._run)
        if self.readers > 1:  # another reader may want it after the stream went on
            self._answers[sample] = replace(window, features=window.features.copy())
            if len(self._answers) > MOST_ANSWERS:
                del self._answers[next(iter(self._answers))]
        return window

    def _restart(self, sample: int, previous: float) -> None:
        self._stream.reset(previous)
        self._current = sample
        self._run = self._next_run()

    def _afresh(self, sample: int, audio: SampleBuffer) -> FeatureWindow:
        stream, start = FeatureStream(self.config), sample - self._size
        stream.reset(_sample_before(start, audio))
        stream.push(audio.read(start, sample)[1])
        return FeatureWindow(stream.window, stream.frames_seen, self._next_run())

    def _next_run(self) -> int:
        self._runs += 1
        return self._runs


def _sample_before(sample: int, audio: SampleBuffer) -> float:
    """0 at the start of the stream."""
    _, previous = audio.read(sample - 1, sample)
    return float(previous[0]) if len(previous) else 0.0
