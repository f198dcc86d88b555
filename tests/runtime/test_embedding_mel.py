"""The mel bands of the speech embedding: equal to the network that pyopen-wakeword computes."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from kws_edge.audio.files import read_audio
from kws_edge.errors import ValidationErrors
from kws_edge.features.config import FeatureConfig
from kws_edge.features.front_end import FeatureStream, FrontEnd
from kws_edge.model.file import demo_recording
from kws_edge.model.interpreter import make_interpreter

CONFIG = FeatureConfig(
    "embedding_mel", frame_length_ms=25, frame_step_ms=10, fft_length="power_of_two"
)


@pytest.mark.skipif(
    importlib.util.find_spec("pyopen_wakeword") is None, reason="needs pyopen-wakeword"
)
def test_values_are_those_of_the_network_that_the_embedding_came_with() -> None:
    signal = read_audio(demo_recording(), 16000)[16000 : 16000 + CONFIG.window_samples]
    features = FrontEnd(CONFIG)(signal)
    assert features.shape == CONFIG.shape == (98, 32)
    package = importlib.util.find_spec("pyopen_wakeword")
    assert package is not None
    assert package.origin is not None
    content = (Path(package.origin).parent / "models" / "melspectrogram.tflite").read_bytes()
    # its window of 400 samples lies in the middle of a frame of 512
    padded = np.pad(signal, 56)[None] * np.float32(32768)
    interpreter = make_interpreter(content, input_shape=padded.shape)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], padded)
    interpreter.invoke()
    mel = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, 0]
    np.testing.assert_allclose(features, mel / 10 + 2, atol=2e-3)


def test_a_stream_in_blocks_gives_the_frames_of_the_whole_signal() -> None:
    signal = read_audio(demo_recording(), 16000)[16000 : 16000 + CONFIG.window_samples]
    stream = FeatureStream(CONFIG)
    frames = np.concatenate([stream.push(block) for block in np.split(signal, [1, 700, 14_000])])
    np.testing.assert_allclose(frames, FrontEnd(CONFIG)(signal), atol=1e-5)


def test_digital_silence_is_0() -> None:
    np.testing.assert_array_equal(FrontEnd(CONFIG)(np.zeros(16000, np.float32)), 0)


def test_another_framing_is_refused_with_the_right_one() -> None:
    with pytest.raises(ValidationErrors, match=r"frame_length_ms, fft_length: .* frames of 25 ms"):
        FeatureConfig("embedding_mel", frame_length_ms=40, frame_step_ms=10)
    with pytest.raises(ValidationErrors, match=r"sample_rate: .* 16000 Hz"):
        FeatureConfig("embedding_mel", 20480, 25, 10, 512)
