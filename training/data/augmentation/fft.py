"""FFTs in float32: NumPy before version 2 computes them in float64, in twice the time.

SciPy is imported when it is used: a lean installation has none, and reads configurations too.
"""

from typing import Any

import numpy.typing as npt


def rfft(samples: npt.NDArray[Any], length: int | None = None) -> npt.NDArray[Any]:
    """``scipy.fft.rfft``: ``samples [n]``, zero-padded to ``length``."""
    from scipy import fft

    spectrum: npt.NDArray[Any] = fft.rfft(samples, length)
    return spectrum


def irfft(spectrum: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """``scipy.fft.irfft``: ``[length]``."""
    from scipy import fft

    samples: npt.NDArray[Any] = fft.irfft(spectrum, length)
    return samples
