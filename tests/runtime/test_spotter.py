"""Audio in, detections out: the same however the audio is cut up, right in time."""

from pathlib import Path

import numpy as np
import pytest
from conftest import noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kws_edge
from kws_edge.audio.files import read_audio
from kws_edge.detection.detector import Detection, DetectorConfig
from kws_edge.detection.scoring import read_label_track, score
from kws_edge.engine import spot
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import demo_recording
from kws_edge.sources.base import Block, Samples
from kws_edge.spotter import KeywordSpotter
from kws_edge.types import FloatArray


@pytest.fixture(scope="module")
def classifier(model_path: Path) -> Classifier:
    return Classifier.load(model_path)


@pytest.fixture(scope="module")
def speech() -> FloatArray:
    return read_audio(demo_recording(), 16000)


@pytest.fixture(scope="module")
def whole(classifier: Classifier, speech: FloatArray) -> list[Detection]:
    """The detections of the demo in one block."""
    return spotted(classifier, [speech])


def spotted(classifier: Classifier, blocks: list[FloatArray]) -> list[Detection]:
    spotter = KeywordSpotter(classifier)
    return [detection for block in blocks for detection in spotter.push(block)]


@given(cuts=st.lists(st.integers(0, 20 * 16000), max_size=40))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_blocks_make_no_difference(
    cuts: list[int], classifier: Classifier, speech: FloatArray, whole: list[Detection]
) -> None:
    assert len(whole) > 5
    parts = spotted(classifier, np.split(speech, sorted(cuts)))
    assert [(d.label, d.sample) for d in parts] == [(d.label, d.sample) for d in whole]
    assert [d.score for d in parts] == pytest.approx([d.score for d in whole], abs=0.02)


def test_the_readme_example() -> None:
    spotter = kws_edge.KeywordSpotter.load()
    found = []
    for block in Samples(read_audio(demo_recording(), 16000)).blocks():
        for detection in spotter.push(block.samples):
            found.append((detection.time_s, detection.label, detection.score))
    assert found


def test_all_keywords_of_the_demo_are_spotted_in_time(classifier: Classifier) -> None:
    found = list(spot(Samples(read_audio(demo_recording(), 16000)), KeywordSpotter(classifier)))
    spoken = read_label_track(demo_recording().with_suffix(".labels.txt"))
    result = score(found, spoken, classifier.manifest.labels)
    assert result.misses == ()
    assert len(result.hits) == 8


def test_decisions_fall_at_every_hop(classifier: Classifier) -> None:
    asked: list[int] = []
    spotter = KeywordSpotter(classifier, DetectorConfig(hop_ms=100))

    class Counting:
        manifest = classifier.manifest

        def __call__(self, features: FloatArray) -> FloatArray:
            asked.append(spotter.samples_processed)
            return classifier(features)

    spotter = KeywordSpotter(Counting(), DetectorConfig(hop_ms=100))  # type: ignore[arg-type]
    spotter.push(noise(32000))
    assert asked == list(range(16000, 32001, 1600))


def test_a_gap_starts_afresh_and_keeps_the_time(classifier: Classifier, speech: FloatArray) -> None:
    class Gappy:
        def blocks(self) -> list[Block]:  # the demo twice, 3 s lost between
            return [Block(speech), Block(speech, lost=48000)]

    found = list(spot(Gappy(), KeywordSpotter(classifier)))  # type: ignore[arg-type]
    once = [d for d in found if d.sample <= len(speech)]
    again = [d for d in found if d.sample > len(speech)]
    shift = len(speech) + 48000
    # the half window of silence after the end of a source falls to the second one alone
    assert [(d.label, d.sample + shift) for d in once] == [
        (d.label, d.sample) for d in again if d.sample - shift <= len(speech)
    ]


def test_a_word_at_the_end_of_a_file_is_not_lost(classifier: Classifier) -> None:
    spoken = read_label_track(demo_recording().with_suffix(".labels.txt"))
    word = next(word for word in spoken if word.label == "left")
    samples = read_audio(demo_recording(), 16000)[: int(word.end * 16000)]
    found = list(spot(Samples(samples), KeywordSpotter(classifier)))
    assert found[-1].label == "left"
