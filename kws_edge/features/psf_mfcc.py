"""MFCC by the package python_speech_features, which the extra ``psf`` installs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.errors import InterpreterError
from kws_edge.features.config import FeatureConfig, FrameTransform
from kws_edge.features.log_mel import MEL_SETTINGS, edge_faults
from kws_edge.features.mfcc import coefficient_faults
from kws_edge.types import FloatArray

PRE_EMPHASIS = 0.97  # python_speech_features' default


class PsfMfcc(FrameTransform):
    """python_speech_features' MFCC of whole frames: ``num_coefficients`` a frame."""

    name = "psf_mfcc"
    settings = (*MEL_SETTINGS, "num_coefficients")
    sample_dtype = np.float64  # see `prepare`

    def __init__(self, config: FeatureConfig) -> None:
        self._config = config

    @staticmethod
    def faults(config: FeatureConfig) -> Sequence[str]:
        return edge_faults(config) + coefficient_faults(config)

    @staticmethod
    def width(config: FeatureConfig) -> int:
        return config.num_coefficients

    def prepare(self, samples: FloatArray, previous: float) -> npt.NDArray[np.float64]:
        """Pre-emphasis, y[n] = x[n] - 0.97 x[n - 1].

        In float64, as the library does it: the difference of two near samples loses digits.
        """
        shifted = np.empty(len(samples))
        shifted[:1] = previous
        shifted[1:] = samples[:-1]
        return samples - PRE_EMPHASIS * shifted

    def compute(self, frames: npt.NDArray[Any]) -> FloatArray:
        """The library's public function, given only the frames that are new.

        It cuts a signal into frames itself. Frames laid end to end, with a step of one frame,
        come out of that as they went in.
        """
        c = self._config
        if not len(frames):
            return np.zeros((0, c.num_coefficients), np.float32)
        seconds = c.frame_length / c.sample_rate
        result = _python_speech_features().mfcc(
            frames.reshape(-1) * 32768.0,  # the library's users feed it int16
            samplerate=c.sample_rate,
            winlen=seconds,
            winstep=seconds,
            numcep=c.num_coefficients,
            nfilt=c.num_mel_bins,
            nfft=c.fft_samples,
            lowfreq=c.lower_edge_hertz,
            highfreq=c.upper_edge_hertz,
            preemph=0,
        )
        return np.asarray(result, np.float32)


def _python_speech_features() -> Any:
    try:
        import python_speech_features
    except ImportError as error:
        raise InterpreterError(
            "this model's front end is python_speech_features:"
            " pip install python_speech_features scipy"
        ) from error
    return python_speech_features
