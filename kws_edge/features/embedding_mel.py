"""The mel bands that Google's speech embedding was trained on, as openWakeWord computes them.

Lin et al. 2020, "Training Keyword Spotters with Limited and Synthesized Speech Data",
arXiv:2002.01322. Values equal those of ``melspectrogram.tflite`` of pyopen-wakeword, scaled as its
embedding expects them; that network also clips at 80 dB below the loudest of its input, which
depends on where a block begins and is left out here.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.audio.files import PCM16_SCALE
from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.features.log_mel import triangles, used_bins
from kws_edge.features.spectrogram import Magnitude
from kws_edge.types import FloatArray

RATE = 16_000  # Hz
FRAME_MS = 25
STEP_MS = 10
FFT = 512  # samples
BANDS = 32
EDGES = (60.0, 3800.0)  # Hz
OFFSET = 2.0
LEAST_POWER = 0.01  # of int16 samples: below the noise of their rounding


class EmbeddingMel(FrameTransform):
    """log10 of 32 mel powers of int16 samples, plus 2: 0 for digital silence, to about 12."""

    name = "embedding_mel"

    def __init__(self, config: FeatureConfig) -> None:
        self._magnitude = Magnitude(config)
        self._bins, weights = used_bins(slaney_matrix())
        self._weights = weights * np.float32(PCM16_SCALE**2)

    @staticmethod
    def faults(config: FeatureConfig) -> Sequence[str]:
        wanted = {
            "sample_rate": RATE,
            "frame_length_ms": FRAME_MS,
            "frame_step_ms": STEP_MS,
            "fft_samples": FFT,
        }
        faulty = [name for name, value in wanted.items() if getattr(config, name) != value]
        if not faulty:
            return ()
        names = ", ".join("fft_length" if name == "fft_samples" else name for name in faulty)
        return [
            f"{names}: the speech embedding was trained on {RATE} Hz, frames of {FRAME_MS} ms every"
            f" {STEP_MS} ms and an FFT of {FFT} samples (power_of_two)"
        ]

    @staticmethod
    def width(config: FeatureConfig) -> int:
        return BANDS

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        magnitude = self._magnitude(frames, self._bins)
        power: FloatArray = (magnitude * magnitude) @ self._weights  # [n, 32]
        np.maximum(power, np.float32(LEAST_POWER), out=power)
        np.log10(power, out=power)
        power += np.float32(OFFSET)
        return power


@functools.cache
def slaney_matrix() -> FloatArray:
    """Mel filters of unit area on Slaney's scale, ``[257, 32]``, read-only.

    The scale of the Auditory Toolbox, which librosa has by default: linear up to 1 kHz, then 27
    bands for a factor of 6.4.
    """
    lowest, highest = _mel(np.array(EDGES))
    edges = _hertz(np.linspace(lowest, highest, BANDS + 2))
    hertz = np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    matrix: FloatArray = (triangles(hertz, edges) * 2 / (edges[2:] - edges[:-2])).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


KNEE = 1000.0  # Hz, where the scale turns from linear to logarithmic
LINEAR = 200 / 3  # Hz in a mel below it
STEP = np.log(6.4) / 27  # of the logarithm in a mel above it


def _mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = KNEE / LINEAR + np.log(np.maximum(hertz, KNEE) / KNEE) / STEP
    return np.where(hertz < KNEE, hertz / LINEAR, above)


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    knee = KNEE / LINEAR
    return np.where(mel < knee, mel * LINEAR, KNEE * np.exp((mel - knee) * STEP))
