"""The front end of microWakeWord: in a stream, pymicro-features' own numbers."""

import importlib.util
import sys

import numpy as np
import pytest

from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.errors import ConfigError, ValidationErrors
from kws_edge.features.config import FeatureConfig
from kws_edge.features.front_end import FeatureStream, FrontEnd
from kws_edge.model.file import demo_recording
from kws_edge.types import FloatArray

CONFIG = FeatureConfig("micro", frame_length_ms=30, frame_step_ms=10)

installed = pytest.mark.skipif(
    importlib.util.find_spec("pymicro_features") is None, reason="needs pymicro-features"
)


@pytest.fixture(scope="module")
def speech() -> FloatArray:
    return read_audio(demo_recording(), 16000)[: 8 * 16000]


@installed
def test_a_stream_in_blocks_gives_the_frames_of_pymicro_features(speech: FloatArray) -> None:
    from pymicro_features import MicroFrontend

    theirs, steps = MicroFrontend(), to_pcm16(speech).reshape(-1, 160)
    rows = [row for step in steps if (row := theirs.process_samples(step.tobytes()).features)]
    stream = FeatureStream(CONFIG)
    blocks = np.split(speech, [1, 700, 14_000, 14_001, 60_000])
    ours = np.concatenate([stream.push(block) for block in blocks])
    assert ours.shape == (798, 40)
    np.testing.assert_array_equal(ours, np.array(rows, np.float32))
    stream.reset()
    np.testing.assert_array_equal(stream.push(speech), ours)


@installed
def test_a_window_has_about_the_features_that_it_has_in_a_stream(speech: FloatArray) -> None:
    """A stream begins with the gain for silence: a window that did would be another sound."""
    stream, front_end = FeatureStream(CONFIG), FrontEnd(CONFIG)
    in_stream, starts = stream.push(speech), range(100, 700, 60)
    warm, cold = [], []
    for start in starts:
        signal, expected = speech[start * 160 :][:16000], in_stream[start : start + 98]
        warm.append(np.abs(front_end(signal) - expected).mean())
        stream.reset()
        cold.append(np.abs(stream.push(signal) - expected).mean())
    assert np.mean(warm) < 0.35 * np.mean(cold)
    np.testing.assert_array_equal(front_end(signal), front_end(signal))  # nothing is kept


def test_another_framing_is_refused_with_the_right_one() -> None:
    with pytest.raises(ValidationErrors, match=r"^frame_length_ms, frame_step_ms: .* 30 ms every"):
        FeatureConfig("micro")


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_features", None)
    with pytest.raises(ConfigError, match="pip install 'pymicro-features"):
        FrontEnd(CONFIG)
