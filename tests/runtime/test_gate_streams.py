"""With a gate one says of any stream what one says who never rests."""

import dataclasses

import numpy as np
import pytest
from gate_parts import GATE, RATE, Step, background, demo_words, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_edge.model.classifier import Classifier
from kws_edge.model.file import find_model
from kws_edge.types import FloatArray


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(find_model("mfcc-int8"))


@pytest.fixture(scope="module")
def words() -> list[FloatArray]:
    return demo_words()


OTHERS = (
    Step(),
    Step(skip=20000),
    Step(settings={"smoothing_ms": 200, "hop_ms": 60, "refractory_ms": 300}),
    Step(settings={"smoothing_ms": 0, "hop_ms": 140, "threshold": 0.9}),
    Step(settings={"smoothing_ms": 500, "hop_ms": 40, "threshold": 0.6}),
    Step(choose=("yes", "stop", "left")),
)


@st.composite
def streams(draw: st.DrawFn, words: list[FloatArray]) -> list[Step]:
    """Words 12 to 50 dB above the gate, so that their soft beginnings alone make no word;
    silences of 0 to 3 s, and all that may come between."""
    steps = []
    for _ in range(draw(st.integers(3, 9))):
        # often about as long as the gate stays open
        silence = draw(st.integers(0, 3 * RATE) | st.integers(18000, 24000))
        gain = np.float32(10 ** ((GATE + draw(st.floats(12, 50))) / 20))
        word = draw(st.sampled_from(words))
        steps += [Step(np.zeros(silence, np.float32)), Step(gain * word)]
        steps += [draw(st.sampled_from(OTHERS))] if draw(st.booleans()) else []
    steps.append(Step(np.zeros(2 * RATE, np.float32)))
    # without a jump from one piece to the next, which would be a click
    kind = draw(st.sampled_from(["zeros", "noise", "offset", "hum"]))
    ends = np.cumsum([len(step.audio) for step in steps])
    below = np.split(background(kind, int(ends[-1])), ends[:-1])
    return [
        dataclasses.replace(step, audio=step.audio + part)
        for step, part in zip(steps, below, strict=True)
    ]


# always the same streams: in one of thousands a soft beginning, below the gate, is itself a word
# to the model
@given(data=st.data(), block=st.integers(100, 20000))
@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_it_makes_no_difference_to_what_is_spotted(
    data: st.DataObject, block: int, classifier: Classifier, words: list[FloatArray]
) -> None:
    steps = data.draw(streams(words))
    without, gated = run(classifier, steps, False), run(classifier, steps, True, block)
    assert gated.said == without.said
    scores = [found.score for found in without.detections]
    assert [found.score for found in gated.detections] == pytest.approx(scores, abs=0.02)
    assert [(n.label, n.sample) for n in gated.near_misses] == [
        (n.label, n.sample) for n in without.near_misses
    ]
    assert without.rested == 0
