"""The idle gate: while a room is silent, the network does not run.

Silence is a level: no block of 20 ms of all that the next decision depends on reaches it.
Its clock is the stream's: it gives the same answer in whatever blocks the samples come.
"""

import numpy as np
import numpy.typing as npt

from kws_edge.audio.buffer import SampleBuffer
from kws_edge.types import FloatArray

BLOCK_SECONDS = 0.02
QUIET_SHARE = 0.99  # of the energy of a block at the level: leaves room for rounding
MAINS_HERTZ = (50.0, 60.0, 100.0, 120.0)  # the hum of both systems, and of their rectifiers


class IdleGate:
    """Closed where nothing as loud as ``level_dbfs`` lies in the last ``reach`` samples."""

    def __init__(self, level_dbfs: float, reach: int, sample_rate: int) -> None:
        self._power = 10 ** (level_dbfs / 10)
        self._reach = reach
        self._length = round(BLOCK_SECONDS * sample_rate)
        self._hum = hum_basis(self._length, sample_rate)
        self.reset(0)

    def reset(self, sample: int) -> None:
        """Forget everything and go on at ``sample``, as after a gap in the audio."""
        self._measured = sample
        self._loud: int | None = None  # the end of the last loud block

    def is_open(self, buffer: SampleBuffer) -> bool:
        """Whether the last ``reach`` samples, or as many as there are since `reset`, hold a
        loud block. ``buffer`` keeps at least so many; each sample is measured once at most, and
        none while a block that was found before decides."""
        end = buffer.end
        if self._is_near(end):
            return True
        start = min(max(self._measured, end - self._reach), end - self._length)
        _, samples = buffer.read(start, end)
        self._measured = end
        self._find_loud(samples, end)
        return self._is_near(end)

    def _is_near(self, end: int) -> bool:
        return self._loud is not None and end - self._loud < self._reach

    def _find_loud(self, samples: FloatArray, end: int) -> None:
        if float(np.dot(samples, samples)) < self._power * self._length * QUIET_SHARE:
            return  # no block can be loud
        loud = powers(samples, self._length, self._hum) >= self._power  # [blocks]
        if loud.any():
            later = int(np.argmax(loud[::-1])) * self._length
            self._loud = end - min(later, len(samples) - self._length)


def powers(
    samples: FloatArray, length: int, hum: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Mean squares ``[blocks]`` of ``samples [n]``, n >= length, in blocks of ``length``.

    The last block ends with the samples, the first begins with them and may overlap the next.
    The part that the columns of ``hum`` (see `hum_basis`) explain does not count.
    """
    over = len(samples) % length
    # float64: the two sums below may differ by a millionth of their size
    blocks = samples[over:].astype(np.float64).reshape(-1, length)  # [blocks, length]
    if over:
        blocks = np.concatenate([samples[None, :length], blocks])
    explained = blocks @ hum
    result: npt.NDArray[np.float64] = np.einsum("ij,ij->i", blocks, blocks)
    result -= np.einsum("ij,ij->i", explained, explained)
    return result / length


def hum_basis(length: int, sample_rate: int) -> npt.NDArray[np.float64]:
    """Orthonormal columns ``[length, 9]`` that span a constant and sines of `MAINS_HERTZ`.

    A least-squares fit of them takes an offset and hum out of a block, in whatever phase, and
    with it (by 20 dB or more) whatever lies below 140 Hz; from 200 Hz on 1 dB at most is lost.
    """
    phase = 2 * np.pi * np.outer(np.arange(length) / sample_rate, MAINS_HERTZ)  # [length, 4]
    columns = np.hstack([np.ones((length, 1)), np.sin(phase), np.cos(phase)])
    return np.linalg.qr(columns)[0]
