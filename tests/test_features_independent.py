"""NumPy's features against two libraries that share no code with TensorFlow.

librosa, with ``htk=True, norm=None, power=1, center=False``:

- Its magnitudes are equal where the frame is as long as the FFT. It pads a shorter window on
  both sides, TensorFlow at the end: the same magnitudes, of frames that begin earlier. Its
  Hann window is always periodic, TensorFlow's is symmetric for an odd length.
- The edges and centres of its mel bands are equal; its triangles are straight in Hz,
  TensorFlow's in mel, so that the weights between differ by up to about 0.1.
- Its MFCC without ``norm`` is sqrt(2 N) times ours; ``norm="ortho"`` differs in c0 alone.

python_speech_features (psf), whose `mfcc` the kind ``psf_mfcc`` is, gives with its defaults:

- rectangular windows, pre-emphasis of 0.97, the last frame padded where it is not whole,
- power divided by the FFT's length instead of magnitude,
- triangles between FFT bins rounded down, straight in bins, and 0 Hz not left out,
- the log of 0 replaced, where we add an offset; an ortho DCT, a lifter, c0 the log energy,
- and its users feed it int16, so that all its log features lie 2 ln 32768 higher.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kws_edge.errors import Faults
from kws_edge.features import FeatureConfig, FloatArray, FrontEnd, frames_of
from kws_edge.probe import probe_signal
from kws_edge.tables import hann_window, mel_matrix

librosa = pytest.importorskip("librosa")
psf = pytest.importorskip("python_speech_features")

RATE = 16000
LOG_MEL = FeatureConfig("log_mel")
BUZZ = np.round(probe_signal(LOG_MEL) * 32768).astype(np.int16)
NOISE = np.random.default_rng(0).normal(0, 3000, RATE).astype(np.int16)
SIGNALS = pytest.mark.parametrize("pcm", [BUZZ, NOISE], ids=["buzz", "noise"])


def to_float(pcm: np.ndarray) -> FloatArray:
    return pcm.astype(np.float32) / np.float32(32768)


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Within ``tolerance`` of the largest value."""
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
