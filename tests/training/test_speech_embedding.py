"""The speech embedding as an architecture: it begins as pyopen-wakeword has it."""

from importlib import resources

import keras
import numpy as np
import pyopen_wakeword
import pytest

from kws_edge.errors import ConfigError
from kws_edge.model.interpreter import make_interpreter
from training.networks.registry import architecture, begin_pretrained


def test_the_embedding_begins_with_the_weights_of_the_package() -> None:
    model = architecture("speech_embedding")((148, 32, 1), 10, 8)
    begin_pretrained("speech_embedding", model)
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][19]
    mel = np.random.default_rng(0).normal(6, 2, (1, 148, 32, 1)).astype(np.float32)
    found = np.asarray(keras.Model(model.input, last.output)(mel))
    assert found.shape == (1, 10, 1, 96)
    content = resources.files(pyopen_wakeword).joinpath("models/embedding_model.tflite")
    interpreter = make_interpreter(content.read_bytes(), input_shape=(1, 76, 32, 1))
    for step in (0, 9):
        interpreter.set_tensor(
            interpreter.get_input_details()[0]["index"], mel[:, 8 * step : 8 * step + 76]
        )
        interpreter.invoke()
        embedding = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(found[0, step].ravel(), embedding.ravel(), atol=1e-3)


def test_frozen_layers_are_not_trained() -> None:
    model = architecture("speech_embedding")((148, 32, 1), 10, 8)
    begin_pretrained("speech_embedding", model, 7)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.trainable for layer in layers] == [False] * 7 + [True] * (len(layers) - 7)


@pytest.mark.parametrize(
    ("name", "frozen", "words"),
    [("tc_resnet", 1, "does not begin pretrained"), ("speech_embedding", 21, "has 20")],
)
def test_what_cannot_be_frozen_is_refused(name: str, frozen: int, words: str) -> None:
    shape = (148, 32, 1) if name == "speech_embedding" else (49, 40, 1)
    with pytest.raises(ConfigError, match=words):
        begin_pretrained(name, architecture(name)(shape, 10, 8), frozen)
