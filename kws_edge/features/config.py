"""The settings of a front end: what turns one window of audio into one array of features."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kws_edge.errors import ValidationErrors
from kws_edge.features.dsp import mel_matrix

FFT_LENGTHS = ("frame_length", "power_of_two")
Kind = Literal["spectrogram", "log_mel", "mfcc", "psf_mfcc"]


@dataclass(frozen=True)
class FeatureConfig:
    """Front end and framing; lengths in ms, edges in Hz.

    ``fft_length`` is in samples, or ``frame_length`` (as long as the frame) or
    ``power_of_two`` (the next one, as `tf.signal.stft` does by default). Refuses, with
    all faults in one `ValidationErrors`, what makes no sense: edges above Nyquist, frames longer
    than the window, mel bands into which no FFT bin falls.
    """

    kind: Kind
    sample_rate: int = 16000
    frame_length_ms: float = 40.0
    frame_step_ms: float = 20.0
    fft_length: int | Literal["frame_length", "power_of_two"] = "frame_length"
    num_mel_bins: int = 40
    lower_edge_hertz: float = 20.0
    upper_edge_hertz: float = 4000.0
    log_offset: float = 1e-6
    num_coefficients: int = 10
    window_ms: float = 1000.0

    def __post_init__(self) -> None:
        faults = list(self._framing_faults())
        if self.kind != "spectrogram" and not faults:
            faults += self._mel_faults()
        if faults:
            raise ValidationErrors(faults)

    def _framing_faults(self) -> list[str]:
        faults = []
        if self.kind not in ("spectrogram", "log_mel", "mfcc", "psf_mfcc"):
            faults.append(
                f"kind: found {self.kind!r}, expected spectrogram, log_mel, mfcc or psf_mfcc"
            )
        positive = ("sample_rate", "frame_length_ms", "frame_step_ms", "log_offset", "window_ms")
        for name in positive:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                faults.append(f"{name}: {value} is not above 0")
        if self.kind in ("mfcc", "psf_mfcc") and self.num_coefficients < 1:
            faults.append(f"num_coefficients: {self.num_coefficients} is not above 0")
        if isinstance(self.fft_length, str) and self.fft_length not in FFT_LENGTHS:
            faults.append(
                f"fft_length: found {self.fft_length!r}, expected an integer or"
                f" {' or '.join(FFT_LENGTHS)}"
            )
        if self.kind != "spectrogram" and self.num_mel_bins < 1:
            faults.append(f"num_mel_bins: {self.num_mel_bins} is not above 0")
        if faults:
            return faults
        if self.frame_length < 2 or self.frame_step < 1:
            faults.append(
                f"frame_length_ms: {self.frame_length_ms} with a step of "
                f"{self.frame_step_ms} is less than two samples"
            )
        if self.frame_length > self.window_samples:
            faults.append(
                f"frame_length_ms: {self.frame_length_ms} is longer than the window of"
                f" {self.window_ms}"
            )
        if self.frame_step > self.frame_length:
            faults.append(
                f"frame_step_ms: {self.frame_step_ms} is longer than the frame of "
                f"{self.frame_length_ms}: samples between frames would be lost"
            )
        if self.fft_samples < self.frame_length:
            faults.append(
                f"fft_length: {self.fft_length} is shorter than the frame of "
                f"{self.frame_length} samples"
            )
        return faults

    def _mel_faults(self) -> list[str]:
        faults = []
        nyquist = self.sample_rate / 2
        if not 0 <= self.lower_edge_hertz < self.upper_edge_hertz <= nyquist:
            faults.append(
                f"upper_edge_hertz: {self.lower_edge_hertz} to {self.upper_edge_hertz}"
                f" is not a rising range within 0 to {nyquist:g} (Nyquist)"
            )
        if self.kind != "log_mel" and self.num_coefficients > self.num_mel_bins:
            faults.append(
                f"num_coefficients: {self.num_coefficients} is more than num_mel_bins"
                f" ({self.num_mel_bins})"
            )
        if not faults and self.kind != "psf_mfcc":
            empty = np.flatnonzero(
                mel_matrix(
                    self.fft_samples // 2 + 1,
                    self.sample_rate,
                    self.num_mel_bins,
                    self.lower_edge_hertz,
                    self.upper_edge_hertz,
                ).sum(axis=0)
                == 0
            )
            if empty.size:
                listed = ", ".join(str(band) for band in empty[:5])
                more = ", ..." if empty.size > 5 else ""
                faults.append(
                    f"num_mel_bins: no FFT bin falls into mel band {listed}{more}: use "
                    "fewer bands, a wider range or a larger fft_length"
                )
        return faults

    @property
    def frame_length(self) -> int:
        """Samples in a frame."""
        return round(self.frame_length_ms * self.sample_rate / 1000)

    @property
    def frame_step(self) -> int:
        """Samples from the start of a frame to the start of the next."""
        return round(self.frame_step_ms * self.sample_rate / 1000)

    @property
    def window_samples(self) -> int:
        """Samples in the window that the model sees."""
        return round(self.window_ms * self.sample_rate / 1000)

    @property
    def fft_samples(self) -> int:
        """Samples of the FFT, the frame zero-padded at its end."""
        if self.fft_length == "frame_length":
            return self.frame_length
        if self.fft_length == "power_of_two":
            return 1 << (self.frame_length - 1).bit_length()
        return self.fft_length

    @property
    def shape(self) -> tuple[int, int]:
        """Frames in a window and features in a frame."""
        frames = 1 + (self.window_samples - self.frame_length) // self.frame_step
        widths = {"spectrogram": self.fft_samples // 2 + 1, "log_mel": self.num_mel_bins}
        return frames, widths.get(self.kind, self.num_coefficients)
