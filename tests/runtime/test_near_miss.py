"""Words that nearly made it: by the detector, without audio."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from test_detector import HOP, LABELS, posteriors

from kws_edge.detection.detector import Detector, DetectorConfig
from kws_edge.detection.near_misses import NearMiss
from kws_edge.types import FloatArray

QUIET = posteriors("_silence_")


def run(
    sequence: list[FloatArray], near_miss: float = 0.5, **settings: object
) -> tuple[list[str], list[NearMiss]]:
    given_ = {"threshold": 0.8, "smoothing_ms": 0, "refractory_ms": 500, **settings}
    detector = Detector(LABELS, DetectorConfig(**given_), 16000, near_miss)  # type: ignore[arg-type]
    found, missed = [], []
    for n, values in enumerate(sequence):
        if detection := detector.push(HOP * n, values):
            found.append(detection.label)
        missed += detector.take_near_misses()
    return found, missed


def rising(*scores: float, label: str = "yes") -> list[FloatArray]:
    return [posteriors(label, score) for score in scores]


def test_the_peak_is_told_once_it_is_over() -> None:
    found, missed = run([QUIET] * 3 + rising(0.5, 0.7, 0.6) + [QUIET] * 3)
    assert found == []
    assert len(missed) == 1
    assert missed[0].label == "yes"
    assert abs(missed[0].score - 0.7) < 1e-6
    assert missed[0].sample == 4 * HOP
    assert missed[0].time_s == 0.4


def test_a_detection_is_none_and_neither_is_what_follows_it() -> None:
    tail = rising(0.5, 0.9, 0.7, 0.6, 0.5)
    assert run([QUIET] + tail + [QUIET] * 3) == (["yes"], [])
    # nor what bounces within the pause, or another label beside it
    assert run([QUIET] + tail + [QUIET] + rising(0.6) + [QUIET] * 5, refractory_ms=600) == (
        ["yes"],
        [],
    )
    assert run(rising(0.6, label="no") + rising(0.9) + [QUIET] * 9)[0] == ["yes"]


def test_below_the_ratio_or_switched_off() -> None:
    assert run([QUIET, *rising(0.39), QUIET]) == ([], [])
    assert len(run([QUIET, *rising(0.41), QUIET])[1]) == 1
    assert run([QUIET, *rising(0.7), QUIET], near_miss=0.0) == ([], [])


def test_a_noise_that_stays_is_told_once_and_soon() -> None:
    _, missed = run([QUIET, *rising(*([0.6] * 50))])
    assert [miss.label for miss in missed] == ["yes"]
    _, missed = run([QUIET, *rising(*([0.6] * 5))])
    assert missed == []  # not over yet


def test_thresholds_by_word_count() -> None:
    _, missed = run([QUIET, *rising(0.7), QUIET], thresholds={"yes": 0.9}, near_miss=0.8)
    assert missed == []
    _, missed = run([QUIET, *rising(0.7), QUIET], near_miss=0.8)
    assert len(missed) == 1


def test_a_gap_in_the_audio_forgets() -> None:
    detector = Detector(LABELS, DetectorConfig(threshold=0.8, smoothing_ms=0), 16000, 0.5)
    detector.push(0, posteriors("yes", 0.6))
    detector.reset()
    detector.push(16000, QUIET)
    assert detector.take_near_misses() == []


SCORES = st.lists(st.floats(0.0, 1.0, width=32), min_size=1, max_size=60)


@given(SCORES, st.floats(0.1, 0.9))
def test_near_misses_lie_between_and_change_no_detection(scores: list[float], ratio: float) -> None:
    sequence = [np.array([s, 0, 1 - s], np.float32) for s in scores]
    found, missed = run(sequence, ratio)
    assert found == run(sequence, 0.0)[0]
    for miss in missed:
        assert 0.8 * ratio <= miss.score < 0.8
        assert miss.label == "yes"
        assert sequence[miss.sample // HOP][0] == np.float32(miss.score)
