"""The ring against an array of the whole stream."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sink_parts import wait_for

from kws_edge.audio.ring import AudioRing

STEPS = st.lists(st.tuples(st.sampled_from(["push", "skip"]), st.integers(0, 40)), max_size=20)


@given(st.integers(1, 30), STEPS, st.integers(-5, 300), st.integers(-5, 300))
def test_reads_what_the_stream_was(
    capacity: int, steps: list[tuple[str, int]], start: int, end: int
) -> None:
    ring, stream = AudioRing(capacity), np.zeros(0, np.float32)
    for kind, count in steps:
        block = np.zeros(count, np.float32)
        if kind == "push":
            block += np.arange(len(stream) + 1, len(stream) + count + 1)
            ring.push(block)
        else:
            ring.skip(count)
        stream = np.concatenate([stream, block])
    assert ring.end == len(stream)
    assert ring.start == max(0, len(stream) - capacity)
    first, samples = ring.read(start, end)
    np.testing.assert_array_equal(
        samples, stream[max(start, ring.start) : max(start, ring.start, end)]
    )
    if len(samples):
        assert first == max(start, ring.start)


def test_what_is_read_is_a_copy() -> None:
    ring = AudioRing(4)
    ring.push(np.ones(4, np.float32))
    _, samples = ring.read(0, 4)
    ring.skip(4)
    assert samples.tolist() == [1, 1, 1, 1]


def test_waiting_ends_with_the_audio_with_the_stream_or_with_patience() -> None:
    ring = AudioRing(10)
    assert not ring.wait_for(1, timeout=0.01)
    results: list[bool] = []
    waiting = [
        threading.Thread(target=lambda n=n: results.append(ring.wait_for(n, 60))) for n in (5, 50)
    ]
    for thread in waiting:
        thread.start()
    ring.push(np.zeros(6, np.float32))
    wait_for(lambda: results == [True], "the first")
    ring.end_of_stream()
    for thread in waiting:
        thread.join(30)
    assert results == [True, False]


def test_a_ring_has_room() -> None:
    with pytest.raises(ValueError, match="capacity"):
        AudioRing(0)
