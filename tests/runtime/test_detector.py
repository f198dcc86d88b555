"""Posteriors to detections, without audio and without a clock."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_edge.detection.detector import Detection, Detector, DetectorConfig
from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray

LABELS = ("yes", "no", "_silence_")
HOP = 1600  # 100 ms


def posteriors(label: str, score: float = 0.99) -> FloatArray:
    values = np.full(3, (1 - score) / 2, np.float32)
    values[LABELS.index(label)] = score
    return values


def detect(sequence: list[FloatArray], **settings: object) -> list[Detection]:
    config = DetectorConfig(**{"threshold": 0.8, "smoothing_ms": 200, **settings})  # type: ignore[arg-type]
    detector = Detector(LABELS, config, 16000)
    pushed = (detector.push(16000 + HOP * n, p) for n, p in enumerate(sequence))
    return [detection for detection in pushed if detection]


QUIET = posteriors("_silence_")


def test_two_words_in_one_window_need_not_lower_each_others_score() -> None:
    labels, shared = ("yes", "no", "_unknown_"), np.array([0.5, 0.45, 0.05], np.float32)
    found = {}
    for rivals in ("all", "no_keyword"):
        config = DetectorConfig(threshold=0.8, smoothing_ms=200, rivals=rivals)
        detector = Detector(labels, config, 16000)
        pushed = (detector.push(16000 + HOP * n, shared) for n in range(5))
        found[rivals] = [(d.label, round(d.score, 3)) for d in pushed if d]
    assert found == {"all": [], "no_keyword": [("yes", 0.909)]}


def test_a_word_is_reported_once_with_its_time_and_score() -> None:
    found = detect([QUIET] * 5 + [posteriors("yes")] * 5 + [QUIET] * 5)
    assert len(found) == 1
    assert found[0].label == "yes"
    assert found[0].score == pytest.approx(0.99)
    assert found[0].sample == 16000 + 6 * HOP  # the second decision fills the mean
    assert found[0].time_s == pytest.approx(1.6)


def test_one_odd_decision_is_smoothed_away() -> None:
    assert detect([QUIET] * 5 + [posteriors("yes", 1.0)] + [QUIET] * 5) == []
    assert len(detect([QUIET] * 5 + [posteriors("yes", 1.0)] + [QUIET] * 5, smoothing_ms=0)) == 1


def test_nothing_before_the_smoothing_time_has_passed() -> None:
    assert detect([posteriors("yes")] * 2, smoothing_ms=300) == []
    assert len(detect([posteriors("yes")] * 3, smoothing_ms=300)) == 1


def test_refractory_time_and_release() -> None:
    both = [posteriors("yes")] * 3 + [QUIET] * 3 + [posteriors("yes")] * 3
    assert len(detect(both, refractory_ms=400)) == 2
    assert len(detect(both, refractory_ms=5000)) == 1
    # a noise that stays is one detection, however long it stays
    assert len(detect([posteriors("yes")] * 100, refractory_ms=400)) == 1
    # another word may follow at once after the refractory time
    words = [posteriors("yes")] * 6 + [posteriors("no")] * 6
    assert [d.label for d in detect(words, refractory_ms=400)] == ["yes", "no"]


def test_a_word_said_twice_without_a_dip_fires_twice_with_repeat() -> None:
    twice = [QUIET] * 3 + [posteriors("yes")] * 15 + [QUIET] * 3
    assert len(detect(twice)) == 1
    first, second = detect(twice, repeat_ms=1000)
    assert (first.label, second.label) == ("yes", "yes")
    assert second.sample == first.sample + 10 * HOP
    assert len(detect([QUIET] * 3 + [posteriors("yes")] * 9 + [QUIET] * 3, repeat_ms=1000)) == 1
    # let go, it is the refractory time alone that counts
    again = [posteriors("yes")] * 3 + [QUIET] * 5 + [posteriors("yes")] * 3
    assert len(detect(again, repeat_ms=5000, refractory_ms=500)) == 2
    with pytest.raises(ValidationErrors, match=r"repeat_ms: 0 is not within 1 to 3600000 ms"):
        DetectorConfig(repeat_ms=0)


def test_thresholds_by_word() -> None:
    words = [posteriors("yes", 0.85)] * 4 + [QUIET] * 9 + [posteriors("no", 0.85)] * 4
    assert [d.label for d in detect(words)] == ["yes", "no"]
    assert [d.label for d in detect(words, thresholds={"yes": 0.9})] == ["no"]


def test_labels_in_underscores_are_never_reported() -> None:
    assert detect([QUIET] * 50) == []


def test_reset_forgets() -> None:
    detector = Detector(LABELS, DetectorConfig(threshold=0.8, smoothing_ms=200), 16000)
    detector.push(16000, posteriors("yes"))
    detector.reset()
    assert detector.push(17600, posteriors("yes")) is None
    assert detector.push(19200, posteriors("yes")) is not None


def test_after_silence_the_mean_includes_backfilled_decisions() -> None:
    """A silent decision that was passed over, and counts when one is made again."""
    detector = Detector(LABELS, DetectorConfig(threshold=0.6, smoothing_ms=300), 16000)
    for number in range(4):
        detector.push(16000 + HOP * number, posteriors("no", 0.5))
    detector.idle(16000 + HOP * 4)
    detector.backfill(16000 + HOP * 4, posteriors("no", 0.5))
    found = detector.push(16000 + HOP * 5, posteriors("no", 1.0))
    assert found is not None
    assert found.score == pytest.approx((0.5 + 0.5 + 1.0) / 3)


def test_silence_releases_the_keyword_and_counts_as_time() -> None:
    detector = Detector(LABELS, DetectorConfig(threshold=0.8, smoothing_ms=100), 16000)
    assert detector.push(16000, posteriors("yes"))
    assert detector.push(32000, posteriors("yes")) is None  # it goes on
    detector.idle(32000 + HOP)
    assert detector.push(32000 + 2 * HOP, posteriors("yes"))
    detector = Detector(LABELS, DetectorConfig(threshold=0.8, smoothing_ms=200), 16000)
    detector.idle(16000)
    assert detector.push(16000 + HOP, posteriors("yes"))  # 200 ms have passed


@given(st.lists(st.sampled_from(LABELS), max_size=60), st.sampled_from([0, 100, 250, 400]))
def test_detections_keep_their_distance(labels: list[str], smoothing: float) -> None:
    found = detect([posteriors(label) for label in labels], smoothing_ms=smoothing)
    assert all(b.sample - a.sample >= 12000 for a, b in itertools.pairwise(found))
    assert all(d.score >= 0.8 and d.label in ("yes", "no") for d in found)


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_score_that_is_not_finite_never_fires(odd: float) -> None:
    for index in range(3):
        values = posteriors("yes")
        values[index] = odd
        assert detect([values] * 9, smoothing_ms=0) == []
        # nor does it end the detector: 200 ms later the mean is without it
        assert [d.label for d in detect([values] * 3 + [posteriors("no")] * 4)] == ["no"]


def test_a_nan_releases_the_keyword() -> None:
    values = posteriors("yes")
    values[0] = np.nan
    sequence = [posteriors("yes")] * 9 + [values] + [posteriors("yes")] * 3
    assert len(detect(sequence, smoothing_ms=0, refractory_ms=0)) == 2


def test_a_score_is_at_most_one() -> None:
    """Rounding of a softmax puts a posterior just above 1."""
    (found,) = detect([posteriors("yes", 1.0000001)] * 4)
    assert found.score == 1.0


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"smoothing_ms": 1e308}, "smoothing_ms: 1e+308 is not within 0 to 10000 ms"),
        ({"refractory_ms": 1e308}, "refractory_ms: 1e+308 is not within 0 to 3600000 ms"),
        ({"hop_ms": 1e9}, "hop_ms: 1000000000.0 is not within 1 to 60000 ms"),
        ({"repeat_ms": 1e12}, "repeat_ms: 1000000000000.0 is not within 1 to 3600000 ms"),
        ({"gate_dbfs": -1e9}, "gate_dbfs: -1000000000.0 is not within -200 to 0 dBFS, 0 excluded"),
        ({"smoothing_ms": np.nan}, "smoothing_ms: nan is not within 0 to 10000 ms"),
        ({"refractory_ms": np.nan}, "refractory_ms: nan is not within 0 to 3600000 ms"),
        ({"hop_ms": np.nan}, "hop_ms: nan is not within 1 to 60000 ms"),
        ({"repeat_ms": np.nan}, "repeat_ms: nan is not within 1 to 3600000 ms"),
        ({"threshold": np.nan}, "threshold: nan is not within 0 to 1, 0 excluded"),
    ],
)
def test_numbers_out_of_range_are_refused(settings: dict[str, float], fault: str) -> None:
    with pytest.raises(ValidationErrors) as error:
        DetectorConfig(**settings)  # type: ignore[arg-type]
    assert error.value.faults == (fault,)


def test_faults() -> None:
    with pytest.raises(ValidationErrors) as error:
        DetectorConfig(threshold=0, smoothing_ms=-1, refractory_ms=-1, hop_ms=0)
    assert len(error.value.faults) == 4
    with pytest.raises(ValidationErrors, match=r"thresholds\.maybe: no such keyword"):
        Detector(LABELS, DetectorConfig(thresholds={"maybe": 0.5}), 16000)
