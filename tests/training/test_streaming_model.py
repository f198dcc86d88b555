"""A streaming model file: what its windowed sister says, at any pace of the audio."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Command, noise
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow", reason="needs the extra 'training'")

from streaming_models import Models, converted, decisions, difference
from tones import tone

from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ModelError, ValidationErrors
from kws_edge.features.front_end import FrontEnd
from kws_edge.model.classifier import Classifier, StreamingClassifier
from kws_edge.model.file import pack_model, read_model
from kws_edge.model.manifest import Manifest
from kws_edge.spotter import Decision, KeywordSpotter
from kws_edge.types import FloatArray


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return converted(tmp_path_factory.mktemp("models"), "tc_resnet", 8)


@pytest.fixture(scope="module")
def sound() -> FloatArray:
    """4 s of tones that follow each other."""
    parts = [tone(pitch, seed) for seed, pitch in enumerate((1800, 310, 820, 1750))]
    return np.concatenate(parts).astype(np.float32)


@given(cuts=st.lists(st.integers(0, 64000), max_size=60), hop_ms=st.sampled_from([20, 80, 200]))
@settings(max_examples=15, deadline=None)
def test_the_spotter_says_the_same_however_the_audio_comes(
    cuts: list[int], hop_ms: int, models: Models, sound: FloatArray
) -> None:
    streaming, windowed = (
        Classifier.load(files["float32"]) for files in (models.streaming, models.windowed)
    )
    found = decisions(streaming, np.split(sound, sorted(cuts)), hop_ms)
    # whole chunks: 20 ms becomes 80, 200 becomes 160
    expected = decisions(windowed, [sound], {20: 80, 80: 80, 200: 160}[hop_ms])
    assert next(iter(found)) == 480 + 48 * 320  # a whole window of 30 ms frames every 20 ms
    assert difference(found, expected) < 1e-4
    assert np.ptp(list(expected.values()), axis=0).max() > 0.2


def test_a_gap_starts_afresh(models: Models, sound: FloatArray) -> None:
    classifier = Classifier.load(models.streaming["float32"])
    found: list[Decision] = []
    spotter = KeywordSpotter(classifier, on_decision=found.append)
    spotter.push(noise(15840))  # one decision, at the very end
    spotter.skip(777)
    spotter.push(sound)
    alone = decisions(classifier, [sound])
    again = {d.sample - 15840 - 777: d.posteriors for d in found[1:]}
    assert difference(again, alone) == 0


@given(steps=st.lists(st.integers(1, 60), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_a_rest_is_caught_up(steps: list[int], models: Models, sound: FloatArray) -> None:
    """Whatever was not listened to between: a few frames, odd ones, more than a window."""
    classifier = Classifier.load(models.streaming["float32"])
    features = FrontEnd(classifier.manifest.features)(np.concatenate([sound, sound]))
    follow, end = StreamingClassifier(classifier), 0
    for step in steps:
        end = max(49, end + step)
        window = features[end - 49 : end]
        assert np.abs(follow(window, end) - classifier(window)).max() < 1e-6


def test_streams_share_a_classifier(models: Models, sound: FloatArray) -> None:
    classifier = Classifier.load(models.streaming["int8"])
    alone = decisions(classifier, [sound])
    here: dict[int, FloatArray] = {}
    one = KeywordSpotter(
        classifier,
        DetectorConfig(hop_ms=80),
        lambda decision: here.update({decision.sample: decision.posteriors}),
    )
    other = KeywordSpotter(classifier)
    for block in np.split(sound, 100):
        one.push(block)
        other.push(block[::-1])
    assert difference(here, alone) == 0


def test_int8_streams_as_it_sees_windows(models: Models, sound: FloatArray) -> None:
    """Within the step of the ranges, which each form learns from what it has seen."""
    streaming, windowed = (
        decisions(Classifier.load(files["int8"]), [sound])
        for files in (models.streaming, models.windowed)
    )
    assert difference(streaming, windowed) < 0.15
    manifest = read_model(models.streaming["int8"]).manifest
    assert manifest.streaming
    assert {state.spec.dtype for state in manifest.streaming.states} == {"int8"}


def test_what_it_says_of_itself(models: Models, run_command: Command) -> None:
    path = models.streaming["int8"]
    assert "streaming     80 ms a call, 8 states" in run_command("info", path).stdout
    described = json.loads(run_command("info", path, "--json").stdout)["streaming"]
    assert described["chunk_frames"] == 4
    assert "streaming" not in json.loads(read_model(models.windowed["int8"]).manifest.to_json())
    assert run_command("bench", "-m", path, "--repetitions", 10).returncode == 0


def test_odd_streaming_fields_are_named(models: Models) -> None:
    document = json.loads(read_model(models.streaming["int8"]).manifest.to_json())
    for change, message in (
        ({"chunk_frames": 0}, "streaming.chunk_frames: 0 is not within 1 to 16777216 frames"),
        ({"chunk_frames": 50}, "streaming.chunk_frames: 50 are more than the window's 49"),
        ({"chunk_frames": 8}, r"input.shape: found \[1, 4, 40, 1\]"),
        ({"input": 99}, "streaming.input: the numbers"),
        ({"output": -1}, "streaming.output: -1 is not within 0 to 1000"),
        ({"output": 1}, "streaming.output: the numbers"),
        ({"states": document["streaming"]["states"][1:]}, "streaming.input: the numbers"),
        ({"colour": "red"}, "streaming.colour: unknown"),
    ):
        text = json.dumps({**document, "streaming": {**document["streaming"], **change}})
        with pytest.raises(ValidationErrors, match=message):
            Manifest.from_json(text)


def test_states_that_the_network_has_not(models: Models, tmp_path: Path) -> None:
    """Consistent in themselves, but not what the interpreter finds."""
    file = read_model(models.streaming["int8"])
    streaming = file.manifest.streaming
    assert streaming
    first, *others = streaming.states
    odd = dataclasses.replace(first, spec=dataclasses.replace(first.spec, scale=0.5))
    manifest = dataclasses.replace(
        file.manifest, streaming=dataclasses.replace(streaming, states=(odd, *others))
    )
    path = tmp_path / "odd.tflite"
    path.write_bytes(pack_model(manifest, file.flatbuffer))
    with pytest.raises(ModelError, match="input: the network has"):
        Classifier.load(path)
