"""The Pareto front: what nothing beats, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from training.report.pareto import front

Pair = tuple[int, int]
choices = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=40)


def found(pairs: list[Pair]) -> list[Pair]:
    return front(pairs, lambda pair: pair[0], lambda pair: pair[1])


def beats(a: Pair, b: Pair) -> bool:
    """Is ``a`` as cheap and as good as ``b``, and in one of the two better?"""
    return a[0] <= b[0] and a[1] >= b[1] and a != b


@given(choices)
def test_nothing_beats_what_is_on_it_and_something_all_the_rest(pairs: list[Pair]) -> None:
    kept = found(pairs)
    assert set(kept) == {p for p in pairs if not any(beats(other, p) for other in pairs)}
    assert len(kept) == len(set(kept))


@given(choices)
def test_it_rises(pairs: list[Pair]) -> None:
    kept = found(pairs)
    assert kept == sorted(kept)
    assert [gain for _, gain in kept] == sorted({gain for _, gain in kept})


@given(choices, st.randoms())
def test_order_does_not_matter(pairs: list[Pair], random: st.DataObject) -> None:
    other = list(pairs)
    random.shuffle(other)  # type: ignore[attr-defined]
    assert found(pairs) == found(other)


def test_of_equals_the_first() -> None:
    kept = front(["a", "b"], lambda _: 1.0, lambda _: 2.0)
    assert kept == ["a"]
