"""The pricer fills cores with what is worth most: within all limits, and until nothing more fits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.passes.cutting.filler import ANY, CoreSpace, Counts, Filler, Item

LIMITS = [CoreSpace(600.0, 20), CoreSpace(300.0, 5), CoreSpace(600.0, 20, 900.0)]


def drawn(random: np.random.Generator, count: int, steps: int) -> list[Item]:
    found = []
    for _ in range(count):
        depth, first = int(random.integers(1, 60)), int(random.integers(steps))
        words = np.ceil(np.cumsum(random.random(depth) * 20) + 5)
        states, last = float(random.integers(40)) / 4, int(random.integers(first, steps))
        work = float(random.integers(60))
        found.append(Item(words, states, first, last, depth, int(random.integers(1, 4)), work))
    return found


def fits(items: list[Item], counts: Counts, space: CoreSpace) -> bool:
    """Whether a core has space for these channels, counted one step after the other."""
    held = [(item, int(n)) for item, n in zip(items, counts, strict=True) if n]
    words = sum(item.words[n - 1] for item, n in held)
    states = max(
        (
            sum(n * item.states for item, n in held if item.first <= step <= item.last)
            for step in range(1 + max(item.last for item in items))
        ),
        default=0.0,
    )
    return bool(
        words + states <= space.words + 1e-6
        and sum(item.ports for item, _ in held) <= space.ports
        and sum(n * item.work for item, n in held) <= space.work + 1e-6
    )


@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 12), st.sampled_from(LIMITS))
@settings(max_examples=60, deadline=None)
def test_cores_are_full_and_not_too_full(seed: int, count: int, steps: int, space: CoreSpace) -> None:
    random = np.random.default_rng(seed)
    items = drawn(random, count, steps)
    demand = random.integers(0, 60, count)
    starts = random.integers(ANY, count, 6)
    values = random.random((6, count)) + 0.01
    found = Filler(items, space, 50.0).fill(values, demand, starts, np.zeros(6))
    for row, start in zip(found, starts.tolist(), strict=True):
        assert (row <= np.minimum(demand, [len(item.words) for item in items])).all()
        assert fits(items, row, space)
        for i in np.flatnonzero((row == 0) & (demand > 0)).tolist():
            more = row.copy()
            more[i] = 1
            assert not fits(items, more, space)
        if start != ANY and demand[start] and fits(items, np.eye(count, dtype=int)[start], space):
            assert row[start]


def test_what_is_worth_more_for_each_word_comes_first() -> None:
    items = [Item(np.arange(10.0, 110.0, 10.0), 0.0, 0, 0, 10, 1) for _ in range(3)]
    values = np.array([[1.0, 3.0, 2.0]])
    found = Filler(items, CoreSpace(150.0, 8)).fill(values, np.full(3, 10), np.array([ANY]), np.zeros(1))
    assert found.tolist() == [[0, 10, 5]]
