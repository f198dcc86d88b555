"""Spectrogram, log-Mel and MFCC features in NumPy, equal to TensorFlow's ``tf.signal``.

A signal is float32 in [-1, 1), mono, at ``config.sample_rate``; only whole frames count,
as with `tf.signal.stft(pad_end=False)`. Features are float32, ``[frames, width]``.
"""

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from kws_edge.errors import InterpreterError
from kws_edge.features.config import FeatureConfig, Kind
from kws_edge.features.dsp import dct_matrix, hann_window, mel_matrix
from kws_edge.types import FloatArray

__all__ = [
    "FeatureConfig",
    "FloatArray",
    "FrontEnd",
    "Kind",
    "log_mel_spectrogram",
    "mfcc",
    "psf_mfcc",
    "spectrogram",
]

PSF_PRE_EMPHASIS = 0.97  # python_speech_features' default


def spectrogram(signal: FloatArray, config: FeatureConfig) -> FloatArray:
    """Magnitude |STFT| of ``signal [samples]``: ``[frames, fft_samples // 2 + 1]``, >= 0."""
    return FrontEnd(config).spectrogram(frames_of(signal, config))


def log_mel_spectrogram(signal: FloatArray, config: FeatureConfig) -> FloatArray:
    """Natural log of mel magnitudes plus ``log_offset``: ``[frames, num_mel_bins]``."""
    return FrontEnd(config).log_mel(frames_of(signal, config))


def mfcc(signal: FloatArray, config: FeatureConfig) -> FloatArray:
    """First cepstral coefficients of the log-Mel: ``[frames, num_coefficients]``."""
    return FrontEnd(config).mfcc(frames_of(signal, config))


def psf_mfcc(signal: FloatArray, config: FeatureConfig) -> FloatArray:
    """python_speech_features' MFCC of the whole frames: ``[frames, num_coefficients]``."""
    return FrontEnd(config).psf_mfcc(frames_of(pre_emphasise(signal), config))


class FrontEnd:
    """One configured front end: its tables, made once, and the transform of frames."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self._window = hann_window(config.frame_length)
        self._transform = getattr(self, config.kind)

    def __call__(self, signal: FloatArray) -> FloatArray:
        """Features of a whole signal ``[samples]``: ``[frames, width]``."""
        if self.config.kind == "psf_mfcc":
            check_signal(signal)
            return self.of_frames(frames_of(pre_emphasise(signal), self.config))
        return self.of_frames(frames_of(signal, self.config))

    def of_frames(self, frames: npt.NDArray[np.floating[Any]]) -> FloatArray:
        """Features of ``frames [n, frame_length]``: ``[n, width]``."""
        result: FloatArray = self._transform(frames)
        return result

    def spectrogram(self, frames: FloatArray) -> FloatArray:
        return self._magnitude(frames, slice(None))

    def log_mel(self, frames: FloatArray) -> FloatArray:
        bands, weights = self._mel
        mel = self._magnitude(frames, bands) @ weights  # [n, num_mel_bins]
        mel += np.float32(self.config.log_offset)
        return np.log(mel, out=mel)

    def mfcc(self, frames: FloatArray) -> FloatArray:
        return self.log_mel(frames) @ self._dct

    def psf_mfcc(self, frames: npt.NDArray[np.floating[Any]]) -> FloatArray:
        """Of frames that are pre-emphasised already.

        Laid end to end with a step of one frame they come out of the library's framing as
        they went in, so that its public function does the work on whichever frames are new.
        """
        if not len(frames):
            return np.zeros((0, self.config.num_coefficients), np.float32)
        c, seconds = self.config, self.config.frame_length / self.config.sample_rate
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

    def _magnitude(self, frames: FloatArray, bins: slice) -> FloatArray:
        # [n, fft_samples // 2 + 1]; complex128 in NumPy 1, complex64 in NumPy 2
        spectrum = np.fft.rfft(frames * self._window, n=self.config.fft_samples)[:, bins]
        spectrum = spectrum.astype(np.complex64, copy=False)  # halves the work that follows
        power = spectrum.real**2
        power += spectrum.imag**2
        return np.sqrt(power, out=power)

    @functools.cached_property
    def _mel(self) -> tuple[slice, FloatArray]:
        """The FFT bins that fall into any band, and their weights ``[bins, num_mel_bins]``."""
        c = self.config
        weights = mel_matrix(
            c.fft_samples // 2 + 1,
            c.sample_rate,
            c.num_mel_bins,
            c.lower_edge_hertz,
            c.upper_edge_hertz,
        )
        used = np.flatnonzero(weights.any(axis=1))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        return bins, np.ascontiguousarray(weights[bins])

    @functools.cached_property
    def _dct(self) -> FloatArray:
        return dct_matrix(self.config.num_mel_bins, self.config.num_coefficients)


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


def pre_emphasise(signal: FloatArray, previous: float = 0.0) -> npt.NDArray[np.float64]:
    """y[n] = x[n] - 0.97 x[n - 1], ``previous`` being the sample before the first.

    In float64, as the library does it: the difference of two near samples loses digits.
    """
    shifted = np.empty(len(signal))
    shifted[:1] = previous
    shifted[1:] = signal[:-1]
    return signal - PSF_PRE_EMPHASIS * shifted


def _python_speech_features() -> Any:
    try:
        import python_speech_features
    except ImportError as error:
        raise InterpreterError(
            "this model's front end is python_speech_features:"
            " pip install python_speech_features scipy"
        ) from error
    return python_speech_features
