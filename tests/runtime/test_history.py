"""The kept samples against an array of the whole stream."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kws_edge.audio.history import History

STEPS = st.lists(
    st.tuples(st.sampled_from(["push", "push", "push", "skip", "resize"]), st.integers(1, 60)),
    max_size=30,
)


@given(st.integers(1, 20), STEPS, st.integers(0, 25), st.integers(0, 25))
def test_it_keeps_the_last_samples(
    capacity: int, steps: list[tuple[str, int]], back: int, size: int
) -> None:
    history, end, kept = History(capacity), 0, 0
    for step, count in steps:
        if step == "push":
            history.push(np.arange(end, end + count, dtype=np.float32))
            end, kept = end + count, min(kept + count, capacity)
        elif step == "skip":
            history.skip(count)
            end, kept = end + count, 0
        else:
            history, capacity = history.resized(count), count
            kept = min(kept, capacity)
    assert history.end == end
    start = end - min(back, kept)
    until = min(start + size, end)
    assert history.read(start, until).tolist() == list(range(start, until))
    # nothing from before a gap, however far back one asks
    everything = history.read(end - 1000, end)
    assert everything.tolist() == list(range(end - len(everything), end))
    assert len(everything) >= kept
