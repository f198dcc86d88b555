"""The idle gate: rest in silence, and say of all else what one says who never rests."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from conftest import noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_edge.audio import read_audio
from kws_edge.detector import Detection, DetectorConfig
from kws_edge.errors import Faults
from kws_edge.model import Classifier
from kws_edge.near_miss import NearMiss
from kws_edge.scoring import read_label_track
from kws_edge.shipped import demo_recording
from kws_edge.spotter import Decision, KeywordSpotter
from kws_edge.tables import FloatArray

RATE = 16000
GATE = -55.0
OFF = DetectorConfig()
ON = DetectorConfig(gate_dbfs=GATE)
BLOCK = 320


@pytest.fixture(scope="module")
def classifier(model_path: Path) -> Classifier:
    return Classifier.load(model_path)


@pytest.fixture(scope="module")
def words() -> list[FloatArray]:
    """Words of the demo, each so loud that its loudest 20 ms are at 0 dBFS."""
    samples = read_audio(demo_recording(), RATE)
    track = read_label_track(demo_recording().with_suffix(".labels.txt"))
    cut = [samples[int(word.start * RATE) : int(word.end * RATE)] for word in track]
    return [word / rms_of_loudest(word) for word in cut]


def rms_of_loudest(samples: FloatArray) -> float:
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return float(np.sqrt(np.mean(blocks**2, axis=1).max()))


def hum(samples: int, hertz: float) -> FloatArray:
    phase = 2 * np.pi * hertz * np.arange(samples) / RATE
    return np.sin(phase).astype(np.float32)


def background(kind: str, samples: int) -> FloatArray:
    """What stays below the gate; an offset and hum are themselves far above it."""
    quiet = noise(samples) * 10 ** (-50 / 20)  # at -70 dBFS
    return {
        "zeros": np.zeros(samples, np.float32),
        "noise": quiet,
        "offset": quiet + np.float32(0.02),
        "hum": quiet + 0.01 * hum(samples, 50) + 0.003 * hum(samples, 100),
    }[kind].astype(np.float32)


@dataclass
class Run:
    """What one spotter said of a stream, and what it took."""

    detections: list[Detection] = field(default_factory=list)
    near_misses: list[NearMiss] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def said(self) -> list[tuple[str, int]]:
        return [(found.label, found.sample) for found in self.detections]

    @property
    def rested(self) -> int:
        return sum(decision.rested for decision in self.decisions)


@dataclass(frozen=True)
class Step:
    """Audio, or what is done to a spotter between two pieces of it."""

    audio: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    skip: int = 0
    settings: dict[str, float] | None = None
    choose: tuple[str, ...] = ()


def run(classifier: Classifier, steps: list[Step], gate: bool, block: int = 1600) -> Run:
    result = Run()
    base = ON if gate else OFF
    spotter = KeywordSpotter(classifier, base, result.decisions.append, near_miss=0.75)
    for step in steps:
        for start in range(0, len(step.audio), block):
            result.detections += spotter.push(step.audio[start : start + block])
            result.near_misses += spotter.take_near_misses()
        if step.skip:
            spotter.skip(step.skip)
        if step.settings:
            spotter.reconfigure(DetectorConfig(**step.settings, gate_dbfs=base.gate_dbfs))  # type: ignore[arg-type]
        if step.choose:
            spotter.choose(step.choose)
    return result


@st.composite
def streams(draw: st.DrawFn, words: list[FloatArray]) -> list[Step]:
    """Words 3 to 50 dB above the gate, silences of 0 to 3 s, and all that may come between."""
    kind = draw(st.sampled_from(["zeros", "noise", "offset", "hum"]))
    steps = []
    for _ in range(draw(st.integers(3, 9))):
        # often about as long as the gate stays open
        samples = draw(st.integers(0, 3 * RATE) | st.integers(18000, 24000))
        steps.append(Step(background(kind, samples)))
        word = draw(st.sampled_from(words))
        gain = 10 ** ((GATE + draw(st.floats(3, 50))) / 20)
        steps.append(Step(background(kind, len(word)) + np.float32(gain) * word))
        other = draw(st.sampled_from([
            Step(), Step(), Step(), Step(skip=draw(st.integers(1, 40000))),
            Step(settings={"smoothing_ms": 200, "hop_ms": 60, "refractory_ms": 300}),
            Step(settings={"smoothing_ms": 0, "hop_ms": 140}),
            Step(settings={"smoothing_ms": 500, "hop_ms": 40, "threshold": 0.5}),
            Step(choose=("yes", "stop", "left")),
        ]))  # fmt: skip
        steps.append(other)
    return [*steps, Step(background(kind, 2 * RATE))]


@given(data=st.data(), block=st.integers(100, 20000))
@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
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


def one_after(silence: int, words: list[FloatArray]) -> list[Step]:
    return [Step(background("noise", silence)), Step(np.float32(0.1) * words[2])]


def test_it_rests_in_silence_and_wakes_for_a_word(
    classifier: Classifier, words: list[FloatArray]
) -> None:
    steps = [*one_after(4 * RATE, words), Step(background("noise", 4 * RATE))]
    found = run(classifier, steps, True)
    assert [label for label, _ in found.said] == ["stop"]
    resting = [decision.sample for decision in found.decisions if decision.rested]
    # from the first decision to the word, and again when neither the window nor the mean of
    # 300 ms holds any of it
    end = 4 * RATE + len(words[2])
    assert resting[0] == RATE
    assert not [sample for sample in resting if 4 * RATE + 3200 < sample < end + RATE]
    assert len(resting) >= 30 + (4 * RATE - RATE - 4800) // 1600 - 2
    samples = [decision.sample for decision in found.decisions]
    assert samples != sorted(samples)  # on waking it looked back, for the mean
    assert all(not decision.posteriors.any() for decision in found.decisions if decision.rested)


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
    assert spotter.samples_rested == 21 * 1600
    spotter.push(noise(3 * RATE))
    assert spotter.samples_rested == 21 * 1600
    assert spotter.samples_heard == 6 * RATE


def test_a_gate_that_is_lowered_hears_what_it_had_passed_over(
    classifier: Classifier, words: list[FloatArray]
) -> None:
    """A word below the gate, then a reload: the second in the window counts."""
    word = Step(background("zeros", 14400)), Step(np.float32(10**-3) * words[2])
    found = run(classifier, list(word), False)
    decisions: list[Decision] = []
    spotter = KeywordSpotter(classifier, ON, decisions.append)
    for step in word:
        spotter.push(step.audio)
    assert all(decision.rested for decision in decisions)
    spotter.reconfigure(DetectorConfig(gate_dbfs=-70))
    spotter.push(background("zeros", 1600))
    assert not decisions[-1].rested
    assert decisions[-1].sample == found.decisions[-1].sample + 1600


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_a_level_that_is_none(level: float) -> None:
    with pytest.raises(Faults, match=r"gate_dbfs: .* is not below 0, or 'off'"):
        DetectorConfig(gate_dbfs=level)
