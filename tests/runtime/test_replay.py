"""The replay of a stream's decisions is the detector, whatever its settings."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.detection.detector import Detection, Detector, DetectorConfig
from kws_edge.detection.replay import replay, smooth

LABELS = ("yes", "no", "_unknown_", "_silence_")
RATE = 16000


@st.composite
def decisions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Samples and posteriors that stay high and low for a while, with gaps between decisions
    as a rested classifier or lost audio leaves them."""
    runs = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8)), min_size=0, max_size=12))
    count = sum(length for _, length in runs)
    gaps = draw(
        st.lists(st.sampled_from([1600] * 8 + [800, 3200, 20000]), min_size=count, max_size=count)
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.5, 2.0, 6.0]))
    logits = rng.normal(0, 1, (count, len(LABELS)))
    logits[np.arange(count), [label for label, n in runs for _ in range(n)]] += spread
    values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if draw(st.booleans()):  # as an int8 network gives them: with ties, and with 255 / 256
        values = np.round(values * 256).clip(0, 255) / 256
    for row in draw(st.lists(st.integers(0, max(0, count - 1)), max_size=2 if count else 0)):
        values[row, draw(st.integers(0, 3))] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return 16000 + np.cumsum(gaps, dtype=np.int64), values.astype(np.float32)


@given(
    decisions(),
    st.builds(
        DetectorConfig,
        threshold=st.sampled_from([0.25, 0.3, 0.5, 0.75, 0.9, 255 / 256, 1.0]),
        smoothing_ms=st.sampled_from([0, 50, 100, 150, 300, 1000]),
        refractory_ms=st.sampled_from([0, 100, 250, 750, 3000]),
        hop_ms=st.sampled_from([50, 100, 200]),
        repeat_ms=st.sampled_from(["off", 400, 800, 1000]),
        rivals=st.sampled_from(["all", "no_keyword"]),
        thresholds=st.dictionaries(st.sampled_from(["yes", "no"]), st.floats(0.2, 1)),
    ),
)
@settings(max_examples=400, deadline=None)
def test_the_replay_is_the_detector(
    given_: tuple[np.ndarray, np.ndarray],  # type: ignore[type-arg]
    config: DetectorConfig,
) -> None:
    samples, posteriors = given_
    detector = Detector(LABELS, config, RATE)
    pushed = [detector.push(int(s), p) for s, p in zip(samples, posteriors, strict=True)]
    smoothed = smooth(samples, posteriors, LABELS, config, RATE)
    found: list[Detection] = [detection for detection in pushed if detection]
    assert replay(smoothed, LABELS, config, RATE) == found
    assert all(0 < detection.score <= 1 for detection in found)
