"""Networks by name: sized by one number, posteriors for any front end of the study."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra 'training'")

import keras

from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.features.config import FeatureConfig
from training.config import ScheduleConfig, TrainingConfig
from training.data.loading import Examples, RepeatedEpochs
from training.data.prepare import TrainingData
from training.networks.network import network
from training.networks.registry import ARCHITECTURES, architecture
from training.train.train import fit

FRONT_ENDS = (
    FeatureConfig("log_mel", frame_length_ms=30, frame_step_ms=10),
    FeatureConfig("log_mel", frame_length_ms=30),
    FeatureConfig("mfcc"),
)

OF_EMBEDDING = FeatureConfig("embedding_mel", 16000, 25, 10, 512, window_ms=1500)


def front_ends_of(name: str) -> tuple[FeatureConfig, ...]:
    """Those that the architecture can read."""
    return (OF_EMBEDDING,) if name == "speech_embedding" else FRONT_ENDS


def words_of(name: str) -> dict[str, list[str]]:
    """Three for the one that has three outputs, else those that a configuration has by default."""
    return {"words": ["high", "low", "middle"]} if name == "wake_word" else {}


def config_of(name: str, width: int | None) -> TrainingConfig:
    document = {
        "name": "a",
        "features": dataclasses.asdict(front_ends_of(name)[-1]),
        "data": {"sources": [{"folder": "clips"}], **words_of(name)},
        "network": {"architecture": name, "width": width},
    }
    return parse(TrainingConfig, document)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_posteriors_of_every_front_end(name: str) -> None:
    for features in front_ends_of(name):
        model = architecture(name)((*features.shape, 1), 3, 8)
        window = np.random.default_rng(0).normal(-4, 3, (2, *features.shape, 1))
        posteriors = np.asarray(model(window.astype(np.float32)))
        assert posteriors.shape == (2, 3)
        assert posteriors.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_width_sizes_the_network_and_has_a_default(name: str) -> None:
    features = front_ends_of(name)[-1]
    sizes = [network(config_of(name, width)).count_params() for width in (8, 12, 16)]
    assert sizes == sorted(set(sizes))
    config = config_of(name, None)
    default = architecture(name)((*features.shape, 1), len(config.labels)).count_params()
    assert network(config).count_params() == default


def test_more_words_than_one_are_refused_for_wake_word() -> None:
    with pytest.raises(ConfigError, match=r"one word \(data.words\) .* 3 labels and not 8"):
        architecture("wake_word")((98, 40, 1), 8)


def test_a_window_too_short_for_the_kernels_is_told() -> None:
    with pytest.raises(ConfigError, match="too few frames for this architecture"):
        architecture("tc_resnet")((30, 40, 1), 3, 8)
    with pytest.raises(ConfigError, match="sees 108 frames or more, and 98 are there"):
        architecture("speech_embedding")((98, 32, 1), 3, 8)


def toy_network(input_shape: tuple[int, int, int], num_labels: int, width: int = 4) -> keras.Model:
    """A dense layer on the mean of all frames."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(input_shape),
            layers.GlobalAveragePooling2D(),
            layers.Dense(width, activation="relu"),
            layers.Dense(num_labels, activation="softmax"),
        ]
    )


def test_a_new_architecture_needs_its_file_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the function stands for the file; the line makes it trainable by its name."""
    with pytest.raises(ValidationErrors, match="found 'toy_network', expected lab_cnn, "):
        config_of("toy_network", 3)
    monkeypatch.setitem(ARCHITECTURES, "toy_network", toy_network)
    config = dataclasses.replace(config_of("toy_network", 3), schedule=ScheduleConfig(1, 8, 0))
    random = np.random.default_rng(0)
    features = random.normal(-4, 3, (16, *config.features.shape)).astype(np.float32)
    examples = Examples(features, np.arange(16) % 8)
    trained = fit(config, TrainingData(RepeatedEpochs([examples]), examples, examples, {}))
    assert trained.metrics["parameters"] == 1 * 3 + 3 + 3 * 8 + 8
    assert len(trained.history["loss"]) == 1
