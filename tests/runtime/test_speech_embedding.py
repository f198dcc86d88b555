"""The front end of the speech embedding: the networks of pyopen-wakeword, frame by frame."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from conftest import noise

from kws_edge.audio.files import read_audio
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.features import speech_embedding
from kws_edge.features.config import FeatureConfig
from kws_edge.features.front_end import FeatureStream, FrontEnd
from kws_edge.model.file import demo_recording
from kws_edge.model.interpreter import make_interpreter
from kws_edge.types import FloatArray

CONFIG = FeatureConfig("speech_embedding", window_ms=1742, frame_length_ms=782, frame_step_ms=80)
installed = pytest.mark.skipif(
    importlib.util.find_spec("pyopen_wakeword") is None, reason="needs pyopen-wakeword"
)


def of_package(name: str, values: FloatArray) -> FloatArray:
    """What a network of the package makes of ``values``, as its own authors run it."""
    package = importlib.util.find_spec("pyopen_wakeword")
    assert package is not None
    assert package.origin is not None
    content = (Path(package.origin).parent / "models" / f"{name}.tflite").read_bytes()
    interpreter = make_interpreter(content, input_shape=values.shape)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@installed
def test_frames_are_the_embeddings_of_the_package() -> None:
    signal = read_audio(demo_recording(), 16000)[16000 : 16000 + CONFIG.window_samples]
    features = FrontEnd(CONFIG)(signal)
    assert features.shape == CONFIG.shape == (13, 96)
    mel = of_package("melspectrogram", signal[None] * np.float32(32768))[0, 0] / 10 + 2
    assert mel.shape == (172, 32)
    for row in (0, 5, 12):
        part = mel[8 * row : 8 * row + 76].reshape(1, 76, 32, 1)
        np.testing.assert_allclose(
            features[row], of_package("embedding_model", part).ravel(), atol=1e-3
        )


@installed
def test_a_stream_in_blocks_gives_the_frames_of_the_whole_signal() -> None:
    """Silence before a loud noise too: no frame depends on the level of others."""
    signal = np.concatenate([np.zeros(20_000, np.float32), noise(12_000) * 5])
    stream = FeatureStream(CONFIG)
    frames = np.concatenate([stream.push(block) for block in np.split(signal, [1, 700, 14_000])])
    np.testing.assert_allclose(frames, FrontEnd(CONFIG)(signal), atol=1e-4)


def test_other_framings_are_refused() -> None:
    with pytest.raises(ValidationErrors, match="sees 782 ms, in steps of 40 ms"):
        FeatureConfig("speech_embedding", frame_length_ms=775, frame_step_ms=80)
    with pytest.raises(ValidationErrors, match="is of 16000 Hz"):
        FeatureConfig("speech_embedding", 8000, frame_length_ms=782, frame_step_ms=80)


def test_without_the_package_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    speech_embedding._folder.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install 'pyopen-wakeword>=1\.1'"):
        FrontEnd(CONFIG)
