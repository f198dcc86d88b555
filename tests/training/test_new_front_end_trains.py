"""A front end that training has never seen: cached, in tf.data, and one step of training."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tones import PITCHES, write_tones
from toy_front_end import Differences

from kws_edge.audio.files import one_window, read_audio
from kws_edge.features.config import FeatureConfig, register_front_end, unregister_front_end
from kws_edge.features.front_end import FrontEnd
from training.data.clips import Clip, scan
from training.data.loading import cached_examples

tf = pytest.importorskip("tensorflow", reason="tf.data needs TensorFlow")
TfClips = importlib.import_module("training.data.tf_dataset").TfClips

LABELS = tuple(PITCHES)


@pytest.fixture
def config() -> Iterator[FeatureConfig]:
    register_front_end(Differences)
    yield FeatureConfig("differences", num_coefficients=8)
    unregister_front_end("differences")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    return scan(write_tones(tmp_path_factory.mktemp("data") / "tones"), LABELS)[::3]


def test_one_step_of_training(config: FeatureConfig, clips: list[Clip]) -> None:
    features, targets = next(iter(TfClips(clips, LABELS, config).batches(8)))
    first = one_window(read_audio(clips[0].path, 16000), 16000)
    np.testing.assert_array_equal(features[0, ..., 0], FrontEnd(config)(first))

    keras = tf.keras
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.layers.Input((*config.shape, 1)),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(len(LABELS)),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(0.01), loss)
    before = network.get_weights()
    assert np.isfinite(network.train_on_batch(features, targets))
    changed = [np.abs(a - b).max() for a, b in zip(before, network.get_weights(), strict=True)]
    assert min(changed) > 0


def test_the_cache_holds_it(config: FeatureConfig, clips: list[Clip], tmp_path: Path) -> None:
    examples = cached_examples(clips, LABELS, config, tmp_path)
    assert examples.features.shape == (len(clips), 49, 8)
    other = FeatureConfig("differences", num_coefficients=8, num_mel_bins=20)
    cached_examples(clips, LABELS, other, tmp_path)  # it has no mel bands
    assert len(list(tmp_path.iterdir())) == 1
    cached_examples(clips, LABELS, FeatureConfig("differences", num_coefficients=4), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("shape", [(16000,), (3, 16000), (2, 3, 16000)])
def test_signals_in_any_leading_dimensions(shape: tuple[int, ...], config: FeatureConfig) -> None:
    extract = importlib.import_module("training.data.tf_dataset").extract
    signal = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    features = extract(signal, config)
    assert features.shape == (*shape[:-1], 49, 8)
    flat = signal.reshape(-1, 16000)[-1]
    np.testing.assert_array_equal(features.numpy().reshape(-1, 49, 8)[-1], FrontEnd(config)(flat))
