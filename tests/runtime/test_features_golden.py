"""NumPy's features equal those that TensorFlow once computed, wherever TensorFlow is not.

golden/features.npz is written by golden/make_features.py.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from kws_edge.features.front_end import FeatureConfig, FloatArray, FrontEnd, frames_of
from kws_edge.features.log_mel import mel_matrix

GOLDEN = Path(__file__).parent / "golden" / "features.npz"
SPECTROGRAM_TOLERANCE = 1e-6  # of the largest magnitude: some roundings of float32


def load() -> tuple[dict[str, FeatureConfig], dict[str, npt.NDArray[Any]]]:
    with np.load(GOLDEN, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    configs = json.loads(str(arrays.pop("about")))["configs"]
    return {name: FeatureConfig(**fields) for name, fields in configs.items()}, arrays


CONFIGS, ARRAYS = load()
FEATURES = [name.split("/")[1:] for name in ARRAYS if name.startswith("features/")]


def computed_and_golden(config: str, signal: str) -> tuple[FloatArray, FloatArray]:
    samples = ARRAYS[f"signal/{signal}"].astype(np.float32) / np.float32(32768)
    features = FrontEnd(CONFIGS[config])(samples)
    golden = ARRAYS[f"features/{config}/{signal}"]
    assert features.shape == golden.shape
    assert features.dtype == golden.dtype == np.float32
    return features, golden


@pytest.mark.parametrize(("config", "signal"), FEATURES)
def test_features_equal_tensorflows(config: str, signal: str) -> None:
    features, golden = computed_and_golden(config, signal)
    difference = np.abs(features - golden)
    if CONFIGS[config].kind == "spectrogram":
        assert difference.max() <= SPECTROGRAM_TOLERANCE * golden.max()
    else:
        assert difference.max() <= 1e-3
        assert np.percentile(difference, 99.9) <= 1e-4


def test_every_kind_and_every_signal_is_there() -> None:
    assert {config.kind for config in CONFIGS.values()} == {"spectrogram", "log_mel", "mfcc"}
    assert {signal for _, signal in FEATURES} == {
        name.removeprefix("signal/") for name in ARRAYS if name.startswith("signal/")
    }
    assert {config for config, _ in FEATURES} == set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_less_than_a_frame_is_no_frame(name: str) -> None:
    config = CONFIGS[name]
    for samples in (0, 1, config.frame_length - 1):
        features = FrontEnd(config)(np.zeros(samples, np.float32))
        assert features.shape == (0, config.shape[1])
        assert features.dtype == np.float32


def test_silence_is_the_log_of_the_offset() -> None:
    config = CONFIGS["log_mel"]
    features, _ = computed_and_golden("log_mel", "silence")
    np.testing.assert_allclose(features, np.log(config.log_offset), rtol=1e-6)


def test_another_formula_would_be_seen() -> None:
    """The tolerances are tight enough: a symmetric window or ortho scaling fails them."""
    features, golden = computed_and_golden("mfcc", "buzz")
    ortho = features * np.where(np.arange(features.shape[1]) == 0, np.sqrt(0.5), 1.0)
    assert np.abs(ortho - golden).max() > 1e-3

    config = CONFIGS["log_mel"]
    buzz = ARRAYS["signal/buzz"].astype(np.float32) / np.float32(32768)
    symmetric = np.hanning(config.frame_length)
    spectrogram = np.abs(np.fft.rfft(frames_of(buzz, config) * symmetric))
    edges = config.lower_edge_hertz, config.upper_edge_hertz
    weights = mel_matrix(spectrogram.shape[1], config.sample_rate, config.num_mel_bins, *edges)
    log_mel = np.log(spectrogram @ weights + config.log_offset)
    assert np.abs(log_mel - ARRAYS["features/log_mel/buzz"]).max() > 1e-3
