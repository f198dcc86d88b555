"""A stream gives the frames of the whole signal, each once, however the samples arrive.

Equal to 1e-6 of the largest feature, not bit for bit: the matrix product with the mel filters
adds in another order for one frame than for many.
"""

import importlib.util
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.errors import ValidationErrors
from kws_edge.features.config import front_end_names
from kws_edge.features.front_end import FeatureConfig, FeatureStream, FloatArray, FrontEnd

TOLERANCE = 1e-6  # of the largest feature
DEFAULT = FeatureConfig("log_mel")


def kinds() -> list[str]:
    """All of any framing (that of embedding_mel and micro is fixed, and they have tests of their
    own), but for python_speech_features' own where that is not installed."""
    found = [kind for kind in front_end_names() if kind not in ("embedding_mel", "micro")]
    if importlib.util.find_spec("python_speech_features") is None:
        found.remove("psf_mfcc")
    return found


@st.composite
def configs(draw: st.DrawFn) -> FeatureConfig:
    rate = draw(st.sampled_from([8000, 16000, 22050]))
    frame = draw(st.integers(rate // 125, rate // 20))  # 8 to 50 ms
    step = draw(st.integers(frame // 4, frame))
    window = draw(st.integers(frame, frame + 12 * step))
    fft = draw(st.sampled_from(["frame_length", "power_of_two", 2048]))
    bands = draw(st.integers(10, 40))

    kind = draw(st.sampled_from(kinds()))

    def config(fft_length: Any) -> FeatureConfig:
        return FeatureConfig(
            kind,
            sample_rate=rate,
            frame_length_ms=frame * 1000 / rate,
            frame_step_ms=step * 1000 / rate,
            fft_length=fft_length,
            num_mel_bins=bands,
            num_coefficients=bands - 5,
            window_ms=window * 1000 / rate,
        )

    try:
        return config(fft)
    except ValidationErrors:
        return config(2048)  # the FFT was too short to reach every band


@st.composite
def signals(draw: st.DrawFn) -> FloatArray:
    """Noise, a tone, silence or a clipped mixture, up to half a second."""
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    samples = draw(st.one_of(st.integers(0, 600), st.integers(600, 12000)))
    noise = random.normal(0, draw(st.sampled_from([0.0, 1e-4, 0.1])), samples)
    tone = np.sin(0.3 * np.arange(samples)) * draw(st.sampled_from([0.0, 0.5, 3.0]))
    return np.clip(noise + tone, -1, 32767 / 32768).astype(np.float32)


CHUNKS = st.lists(
    st.one_of(st.integers(0, 3), st.integers(4, 500), st.just(320), st.integers(4000, 20000)),
    min_size=1,
    max_size=12,
)


def cut(signal: FloatArray, sizes: list[int]) -> list[FloatArray]:
    """The signal in chunks of these sizes, and the rest, in one."""
    return list(np.split(signal, np.minimum(np.cumsum(sizes), len(signal))))


def assert_equal(found: FloatArray, expected: FloatArray) -> None:
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    scale = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * scale)


@settings(max_examples=150, deadline=None)
@given(config=configs(), signal=signals(), sizes=CHUNKS)
def test_stream_equals_the_whole(
    config: FeatureConfig, signal: FloatArray, sizes: list[int]
) -> None:
    stream = FeatureStream(config)
    # kept until the end: what was returned must not change with later pushes
    parts = [stream.push(chunk) for chunk in cut(signal, sizes)]
    expected = FrontEnd(config)(signal)
    assert_equal(np.concatenate(parts), expected)
    assert stream.frames_seen == len(expected)


@settings(max_examples=50, deadline=None)
@given(config=configs(), signal=signals(), size=st.sampled_from([1, 2, 7, 33]))
def test_sample_by_sample(config: FeatureConfig, signal: FloatArray, size: int) -> None:
    signal = signal[: config.frame_length + 2 * config.frame_step]
    stream = FeatureStream(config)
    parts = [stream.push(signal[at : at + size]) for at in range(0, len(signal), size)]
    assert sum(map(len, parts)) == stream.frames_seen
    assert max(map(len, parts), default=0) <= 1 + size // config.frame_step
    nothing = np.zeros((0, config.shape[1]), np.float32)
    assert_equal(np.concatenate([nothing, *parts]), FrontEnd(config)(signal))


@settings(max_examples=100, deadline=None)
@given(config=configs(), signal=signals(), sizes=CHUNKS)
def test_window_and_full(config: FeatureConfig, signal: FloatArray, sizes: list[int]) -> None:
    frames, width = config.shape
    needed = config.frame_length + (frames - 1) * config.frame_step
    whole = FrontEnd(config)(signal)
    stream, pushed = FeatureStream(config), 0
    for chunk in cut(signal, sizes):
        stream.push(chunk)
        pushed += len(chunk)
        assert stream.full == (pushed >= needed)
        assert stream.window.shape == (frames, width)
        if stream.full:
            seen = stream.frames_seen
            scale = TOLERANCE * np.abs(whole).max()
            expected = whole[seen - frames : seen]
            np.testing.assert_allclose(stream.window, expected, rtol=0, atol=scale)


@settings(max_examples=50, deadline=None)
@given(config=configs(), before=signals(), after=signals(), sizes=CHUNKS)
def test_reset_forgets(
    config: FeatureConfig, before: FloatArray, after: FloatArray, sizes: list[int]
) -> None:
    stream = FeatureStream(config)
    stream.push(before)
    stream.reset()
    assert stream.frames_seen == 0
    assert not stream.full
    parts = [stream.push(chunk) for chunk in cut(after, sizes)]
    assert_equal(np.concatenate(parts), FrontEnd(config)(after))


@pytest.mark.parametrize("kind", kinds())
def test_a_stream_is_taken_up_in_the_middle(kind: str) -> None:
    """With the sample before it, the frames are those of the whole."""
    config = FeatureConfig(kind, num_coefficients=13)
    signal = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    start = 5 * config.frame_step
    stream = FeatureStream(config)
    stream.reset(float(signal[start - 1]))
    assert_equal(stream.push(signal[start:]), FrontEnd(config)(signal)[5:])


@pytest.mark.parametrize("kind", kinds())
def test_every_new_frame_is_computed_once(kind: str) -> None:
    """One hop, one frame: nothing of the window is computed again."""
    stream = FeatureStream(FeatureConfig(kind, num_coefficients=13))
    hop = np.full(320, 0.1, np.float32)
    assert [len(stream.push(hop)) for _ in range(60)] == [0] + [1] * 59
    assert stream.frames_seen == 59


def test_a_long_stream_needs_no_more_memory() -> None:
    stream = FeatureStream(DEFAULT)
    hop = np.random.default_rng(0).normal(0, 0.1, 320).astype(np.float32)
    for _ in range(100):
        stream.push(hop)
    buffer = stream.window.base
    assert buffer is not None  # a view: the window is not copied
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(500):
            stream.push(hop)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4096
    assert stream.window.base is buffer


def test_a_long_push_is_worked_off_in_pieces() -> None:
    """A minute at once would take 30 MB if its frames were transformed together."""
    minute = np.random.default_rng(0).normal(0, 0.1, 60 * 16000).astype(np.float32)
    stream = FeatureStream(DEFAULT)
    stream.push(minute[:16000])
    tracemalloc.start()
    try:
        frames = stream.push(minute)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * frames.nbytes + 500_000


@pytest.mark.parametrize("kind", kinds())
def test_a_block_may_be_used_again(kind: str) -> None:
    """As PortAudio does: what was pushed is copied, and not written to."""
    config = FeatureConfig(kind)
    signal = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    stream, block, parts = FeatureStream(config), np.zeros(400, np.float32), []
    for chunk in np.split(signal, 10):
        block[:] = chunk
        parts.append(stream.push(block))
        np.testing.assert_array_equal(block, chunk)
        block[:] = np.nan
    assert_equal(np.concatenate(parts), FrontEnd(config)(signal))


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match="mono"):
        FeatureStream(DEFAULT).push(np.zeros((320, 2), np.float32))
