"""What a front end's settings must be."""

import numpy as np
import pytest

from kws_edge.errors import ValidationErrors
from kws_edge.features.front_end import FeatureConfig, FeatureStream, FrontEnd


def test_the_lab_points() -> None:
    assert FeatureConfig("log_mel").shape == (49, 40)
    assert FeatureConfig("mfcc").shape == (49, 10)
    assert FeatureConfig("spectrogram").shape == (49, 321)


def test_fft_length() -> None:
    assert FeatureConfig("spectrogram").fft_samples == 640
    assert FeatureConfig("spectrogram", fft_length="power_of_two").fft_samples == 1024
    assert (
        FeatureConfig(
            "spectrogram", frame_length_ms=32, frame_step_ms=16, fft_length="power_of_two"
        ).fft_samples
        == 512
    )
    assert FeatureConfig("spectrogram", fft_length=2048).shape == (49, 1025)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"frame_length_ms": 1200}, "longer than the window"),
        ({"frame_step_ms": 50}, "samples between frames would be lost"),
        ({"frame_step_ms": 0}, "frame_step_ms: 0 is not within 0 to 60000 ms, 0 excluded"),
        ({"frame_length_ms": 0.06, "frame_step_ms": 0.06}, "less than two samples"),
        ({"fft_length": 512}, "shorter than the frame of 640"),
        ({"upper_edge_hertz": 9000}, "Nyquist"),
        ({"lower_edge_hertz": 5000}, "not a rising range"),
        ({"lower_edge_hertz": -1}, "lower_edge_hertz: -1 is not within 0 to 192000 Hz"),
        ({"num_mel_bins": 0}, "num_mel_bins: 0"),
        ({"kind": "mfcc", "num_coefficients": 41}, "more than num_mel_bins"),
        ({"kind": "mfcc", "num_coefficients": 0}, "num_coefficients: 0"),
        ({"num_mel_bins": 200}, "no FFT bin falls into mel band 1, "),
        ({"log_offset": 0}, "log_offset"),
        ({"kind": "psf_mfcc", "num_coefficients": 0}, "num_coefficients: 0"),
        ({"fft_length": "long"}, "fft_length: found 'long'"),
        ({"kind": "cepstrum"}, "expected one of spectrogram, log_mel"),
        ({"kind": "mfc"}, "kind: found 'mfc', expected one of .*, did you mean mfcc?"),
        ({"frame_length_ms": float("nan")}, "frame_length_ms: nan is not within 0 to 60000 ms"),
        ({"window_ms": float("inf")}, "window_ms: inf is not within 0 to 60000 ms"),
        ({"sample_rate": 10**400}, "sample_rate: 10*\\.\\.\\. is not within 1 to 384000 Hz"),
        ({"fft_length": 200_000_000}, "fft_length: 200000000 is not within 2 to 32768"),
        ({"num_mel_bins": 100_000}, "num_mel_bins: 100000 is not within 1 to 256"),
        ({"log_offset": 1e308}, "log_offset: 1e.308 is not within 0 to 1000"),
        ({"upper_edge_hertz": float("nan")}, "upper_edge_hertz: nan is not within 0 to 192000"),
        (
            {"window_ms": 60_000, "frame_step_ms": 0.0625},
            "window_ms: .* frames of 640 FFT samples are more than 4194304",
        ),
        ({"frame_length_ms": 900, "sample_rate": 192_000}, "172800 FFT samples, above 32768"),
    ],
)
def test_nonsense_is_refused(settings: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationErrors, match=fault):
        FeatureConfig(**{"kind": "log_mel", **settings})  # type: ignore[arg-type]


def test_all_faults_at_once() -> None:
    with pytest.raises(ValidationErrors) as error:
        FeatureConfig("log_mel", frame_length_ms=2000, frame_step_ms=3000, fft_length=8)
    assert len(error.value.faults) == 3


def test_mel_settings_do_not_matter_to_a_spectrogram() -> None:
    assert FeatureConfig("spectrogram", upper_edge_hertz=9000).shape == (49, 321)


def test_integers_are_no_signal() -> None:
    """They would come out 10 too high after the log, and nothing would say so."""
    config = FeatureConfig("log_mel")
    for take in (FrontEnd(config), FeatureStream(config).push):
        with pytest.raises(ValueError, match="expected floats"):
            take(np.zeros(16000, np.int16))
