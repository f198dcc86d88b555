"""The buffer against an array of the whole stream."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sink_parts import wait_for

from kws_edge.audio.buffer import SampleBuffer

STEPS = st.lists(
    st.tuples(st.sampled_from(["push", "push", "push", "skip", "resize"]), st.integers(0, 60)),
    max_size=30,
)


@given(st.integers(1, 30), STEPS, st.integers(-5, 300), st.integers(-5, 300))
def test_it_reads_what_the_stream_was(
    capacity: int, steps: list[tuple[str, int]], start: int, end: int
) -> None:
    buffer, stream, oldest = SampleBuffer(capacity), np.zeros(0, np.float32), 0
    for kind, count in steps:
        block = np.zeros(0, np.float32)
        if kind == "push":
            block = np.arange(len(stream) + 1, len(stream) + count + 1, dtype=np.float32)
            buffer.push(block)
        elif kind == "skip":
            block = np.zeros(count, np.float32)
            buffer.skip(count)
        else:
            capacity = max(count, 1)
            buffer = buffer.resized(capacity)
        stream = np.concatenate([stream, block])
        oldest = max(oldest, len(stream) - capacity)
    assert buffer.end == len(stream)
    assert buffer.start == oldest  # all that there ever was room for, and no more
    first, samples = buffer.read(start, end)
    np.testing.assert_array_equal(samples, stream[max(start, oldest) : max(start, oldest, end)])
    if len(samples):
        assert first == max(start, oldest)


def test_what_is_read_is_a_copy() -> None:
    buffer = SampleBuffer(4)
    buffer.push(np.ones(4, np.float32))
    _, samples = buffer.read(0, 4)
    buffer.skip(4)
    assert samples.tolist() == [1, 1, 1, 1]


def test_a_reader_in_another_thread_never_sees_half_a_block() -> None:
    """Blocks of one value each: a torn read would mix two of them out of order."""
    buffer, reads = SampleBuffer(1000), 0
    done = threading.Event()

    def write() -> None:
        for n in range(3000):
            buffer.push(np.full(64, n, np.float32))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        first, samples = buffer.read(buffer.end - 900, buffer.end)
        expected = np.arange(first, first + len(samples)) // 64
        np.testing.assert_array_equal(samples, expected)
        reads += 1
    writer.join()
    assert reads


def test_waiting_ends_with_the_audio_with_the_stream_or_with_patience() -> None:
    buffer = SampleBuffer(10)
    assert not buffer.wait_for(1, timeout=0.01)
    results: list[bool] = []
    waiting = [
        threading.Thread(target=lambda n=n: results.append(buffer.wait_for(n, 60))) for n in (5, 50)
    ]
    for thread in waiting:
        thread.start()
    buffer.push(np.zeros(6, np.float32))
    wait_for(lambda: results == [True], "the first")
    buffer.end_of_stream()
    for thread in waiting:
        thread.join(30)
    assert results == [True, False]


def test_a_buffer_has_room() -> None:
    with pytest.raises(ValueError, match="capacity"):
        SampleBuffer(0)
