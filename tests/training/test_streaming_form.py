"""The streaming form of each architecture gives what the windowed one gives, chunk by chunk."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra 'training'")

import keras
import tensorflow as tf
from conftest import noise
from tones import tone
from untrained_run import features_for, settle, tones

from kws_edge.audio.files import one_window, read_audio
from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError
from kws_edge.features.front_end import FrontEnd
from kws_edge.types import FloatArray
from training.config import TrainingConfig
from training.networks.network import network
from training.networks.registry import streaming_architectures
from training.networks.streaming_form import chunk_of, first_states, streaming_form


def run_config(architecture: str, width: int | None = 6, step_ms: float = 20) -> TrainingConfig:
    return parse(
        TrainingConfig,
        {
            "name": "a",
            "data": {"sources": [{"folder": "tones"}], "words": ["high", "low", "middle"]},
            "network": {"architecture": architecture, "width": width},
            "features": features_for(architecture, frame_step_ms=step_ms),
        },
    )


def settled(config: TrainingConfig) -> keras.Model:
    keras.utils.set_random_seed(3)  # some networks of random weights hardly heed their input
    model = network(config)
    settle(model, tones(config.features, 12))
    return model


def largest_difference(
    config: TrainingConfig, windowed: keras.Model, chunk: int, features: FloatArray
) -> tuple[float, float]:
    """Between the forms over a stream of ``features [n, width]``, from the first whole window
    on; and how far the posteriors themselves move.
    """
    streaming = streaming_form(config, windowed, chunk)
    step = tf.function(lambda inputs: streaming(inputs))
    whole = tf.function(lambda window: windowed(window))
    frames = config.features.shape[0]
    states, expected, found = first_states(streaming), [], []
    # as the runtime does it: zeros before the first frame, so that windows end with chunks
    missing = -frames % chunk
    features = np.pad(features, ((missing, 0), (0, 0)))
    for end in range(chunk, len(features) + 1, chunk):
        posteriors, *states = step([features[None, end - chunk : end, :, None], *states])
        if end >= frames + missing:
            found.append(np.asarray(posteriors[0]))
            expected.append(np.asarray(whole(features[None, end - frames : end, :, None])[0]))
    assert len(found) > 5
    moved = float(np.ptp(expected, axis=0).max())
    return float(np.abs(np.array(found) - np.array(expected)).max()), moved


@pytest.mark.parametrize("architecture", streaming_architectures())
def test_every_chunk_equals_the_window_that_it_ends(architecture: str) -> None:
    config = run_config(architecture)
    sound = np.concatenate([tone(400, 1), noise(8000), tone(1900, 2)])
    features = FrontEnd(config.features)(sound.astype(np.float32))
    difference, moved = largest_difference(config, settled(config), chunk_of(config), features)
    assert difference < 1e-4
    assert moved > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("architecture", streaming_architectures())
@pytest.mark.parametrize(("step_ms", "chunk_ms"), [(10, 80), (10, 160), (20, 240)])
def test_other_steps_and_chunks_on_speech(
    architecture: str, step_ms: float, chunk_ms: float, recordings: Path
) -> None:
    config = run_config(architecture, step_ms=step_ms)
    words = [
        one_window(
            read_audio(next((recordings / "mini_speech_commands" / word).iterdir()), 16000), 16000
        )
        for word in ("yes", "down", "stop")
    ]
    features = FrontEnd(config.features)(np.concatenate(words))
    chunk = chunk_of(config, chunk_ms)
    difference, _ = largest_difference(config, settled(config), chunk, features)
    assert difference < 1e-4


def test_what_cannot_stream_is_told() -> None:
    with pytest.raises(ConfigError, match="lab_cnn has no streaming form, which ds_cnn, "):
        chunk_of(run_config("lab_cnn"))
    for wrong in (100.0, 70.0, 0.0, 1040.0):
        with pytest.raises(ConfigError, match="ms is not a multiple of 80 ms, at most 980"):
            chunk_of(run_config("tc_resnet"), wrong)


def test_the_chunk_is_80_ms_by_default() -> None:
    assert chunk_of(run_config("ds_cnn", step_ms=20)) == 4
    assert chunk_of(run_config("ds_cnn", step_ms=10)) == 8
