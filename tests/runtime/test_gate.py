"""The idle gate: what is silence, and what is done in it."""

from pathlib import Path

import numpy as np
import pytest
from conftest import noise
from gate_parts import GATE, ON, RATE, Step, background, demo_words, hum, run

from kws_edge.detection.detector import DetectorConfig
from kws_edge.errors import ValidationErrors
from kws_edge.model.classifier import Classifier
from kws_edge.spotter import Decision, KeywordSpotter
from kws_edge.types import FloatArray


@pytest.fixture(scope="module")
def classifier(model_path: Path) -> Classifier:
    return Classifier.load(model_path)


@pytest.fixture(scope="module")
def words() -> list[FloatArray]:
    return demo_words()


def one_after(silence: int, words: list[FloatArray]) -> list[Step]:
    return [Step(background("noise", silence)), Step(np.float32(0.1) * words[3])]


def test_it_rests_in_silence_and_wakes_for_a_word(
    classifier: Classifier, words: list[FloatArray]
) -> None:
    steps = [*one_after(4 * RATE, words), Step(background("noise", 4 * RATE))]
    found = run(classifier, steps, True)
    assert [label for label, _ in found.said] == ["yes"]
    resting = [decision.sample for decision in found.decisions if decision.idle]
    # from the first decision to the word, and again when neither the window nor the mean of
    # 300 ms holds any of it
    end = 4 * RATE + len(words[3])
    assert resting[0] == RATE
    assert not [sample for sample in resting if 4 * RATE + 3200 < sample < end + RATE]
    assert len(resting) >= 30 + (4 * RATE - RATE - 4800) // 1600 - 2
    samples = [decision.sample for decision in found.decisions]
    assert samples != sorted(samples)  # on waking it looked back, for the mean
    assert all(not decision.posteriors.any() for decision in found.decisions if decision.idle)


@pytest.mark.parametrize("kind", ["zeros", "noise", "offset", "hum"])
def test_an_offset_and_hum_are_silence(kind: str, classifier: Classifier) -> None:
    found = run(classifier, [Step(background(kind, 5 * RATE))], True)
    assert found.rested == len(found.decisions) == 41


@pytest.mark.parametrize(("level", "rests"), [(GATE - 1, True), (GATE + 1, False)])
@pytest.mark.parametrize("hertz", [300, 1000, 7000])
def test_its_level_is_that_of_the_loudest_block(
    level: float, rests: bool, hertz: float, classifier: Classifier
) -> None:
    """A tone of 40 ms in each second, wherever it falls among the blocks."""
    tone = np.zeros(4 * RATE, np.float32)
    for second in range(4):
        start = second * RATE + 1237 * (second + 1)
        tone[start : start + 640] = np.sqrt(2) * 10 ** (level / 20) * hum(640, hertz)
    found = run(classifier, [Step(tone)], True)
    assert (found.rested == len(found.decisions)) is rests
    assert (found.rested > 0) is rests


def test_time_rested_is_counted(classifier: Classifier) -> None:
    spotter = KeywordSpotter(classifier, ON)
    spotter.push(background("noise", 3 * RATE))
    assert spotter.samples_idle == 21 * 1600
    spotter.push(noise(3 * RATE))
    assert spotter.samples_idle == 21 * 1600
    assert spotter.samples_processed == 6 * RATE


def test_a_gate_that_is_lowered_hears_what_it_had_passed_over(
    classifier: Classifier, words: list[FloatArray]
) -> None:
    """A word below the gate, then a reload: the second in the window counts."""
    word = Step(background("zeros", 14400)), Step(np.float32(10**-3) * words[3])
    found = run(classifier, list(word), False)
    decisions: list[Decision] = []
    spotter = KeywordSpotter(classifier, ON, decisions.append)
    for step in word:
        spotter.push(step.audio)
    assert all(decision.idle for decision in decisions)
    spotter.prepare(DetectorConfig(gate_dbfs=-70))()
    spotter.push(background("zeros", 1600))
    assert not decisions[-1].idle
    assert decisions[-1].sample == found.decisions[-1].sample + 1600


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_a_level_that_is_none(level: float) -> None:
    with pytest.raises(ValidationErrors, match=r"gate_dbfs: .* is not within -200 to 0 dBFS"):
        DetectorConfig(gate_dbfs=level)
