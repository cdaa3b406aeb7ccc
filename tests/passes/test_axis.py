"""Axis maps: which position reaches which, against the definitions of the operators as loops."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snc.ir.network import AxisMap, Update
from snc.passes.lowering import axis
from snc.passes.wiring.wire import runs

SIZES = st.integers(1, 12)
STEPS = st.integers(1, 4)
PADS = st.integers(-3, 5)
KERNELS = st.integers(1, 6)

Entry = tuple[int, int, int, float]  # target, source, tap, factor


def entries(found: AxisMap) -> Counter[Entry]:
    """The entries of a map, each as often as it is there; all of them within the sizes."""
    columns = (found.targets.tolist(), found.sources.tolist(), found.taps.tolist(), found.factors.tolist())
    listed = list(zip(*columns, strict=True))
    for target, source, tap, _ in listed:
        assert 0 <= target < found.target_size
        assert 0 <= source < found.source_size
        assert 0 <= tap < found.tap_count
    assert listed == sorted(listed)
    return Counter(listed)


@given(SIZES, SIZES, KERNELS, STEPS, PADS, STEPS)
def test_convolution(source: int, target: int, kernel: int, stride: int, pad: int, dilation: int) -> None:
    want = Counter(
        (x, x * stride - pad + t * dilation, t, 1.0)
        for x in range(target)
        for t in range(kernel)
        if 0 <= x * stride - pad + t * dilation < source
    )
    assert entries(axis.convolution(source, target, kernel, stride, pad, dilation)) == want


@given(SIZES, SIZES, KERNELS, STEPS, PADS, STEPS)
def test_a_transposed_convolution_is_a_convolution_backwards(
    source: int, target: int, kernel: int, stride: int, pad: int, dilation: int
) -> None:
    forth = entries(axis.convolution(target, source, kernel, stride, pad, dilation))
    back = entries(axis.transposed(source, target, kernel, stride, pad, dilation))
    assert back == Counter({(s, t, tap, f): n for (t, s, tap, f), n in forth.items()})


@given(SIZES)
def test_maps_without_a_window(size: int) -> None:
    assert entries(axis.identity(size)) == Counter((x, x, 0, 1.0) for x in range(size))
    assert entries(axis.broadcast(size)) == Counter((x, 0, 0, 1.0) for x in range(size))
    assert entries(axis.gathered(size)) == Counter((0, s, s, 1.0) for s in range(size))
    assert entries(axis.scattered(size)) == Counter((x, 0, x, 1.0) for x in range(size))
    assert axis.gathered(size).target_size == axis.broadcast(size).source_size == 1


@given(SIZES, SIZES, KERNELS, STEPS, st.integers(0, 3))
def test_pooling_weighs_each_window_as_told(
    source: int, target: int, kernel: int, stride: int, pad: int
) -> None:
    windows = axis.convolution(source, target, kernel, stride, pad, 1)
    factors = np.arange(1, target + 1) / 4
    pooled = axis.pooled(windows, factors)
    assert pooled.tap_count == 1
    want = Counter((x, s, 0, float(factors[x])) for (x, s, _, _) in entries(windows).elements())
    assert entries(pooled) == want
    assert entries(axis.pooled(windows)) == Counter((x, s, 0, 1.0) for x, s, _, _ in want.elements())


def test_a_source_without_a_share_is_no_synapse() -> None:
    found = axis.interpolated(3, 2, lambda x: {x: 0.75, x + 1: 0.25} if x else {0: 1.0, 1: 0.0})
    assert entries(found) == Counter([(0, 0, 0, 1.0), (1, 1, 0, 0.75), (1, 2, 0, 0.25)])
    assert not entries(axis.interpolated(3, 2, lambda _: {}))


@given(st.lists(st.integers(-1, 9), min_size=1, max_size=8, unique_by=lambda n: n if n >= 0 else object()))
def test_a_view_moves_sources(rows: list[int]) -> None:
    windows = axis.convolution(len(rows), len(rows), 3, 1, 1, 1)
    seen = axis.through(windows, np.array(rows), 10)
    assert seen.source_size == 10
    assert entries(seen) == Counter(
        (x, rows[s], t, f) for x, s, t, f in entries(windows).elements() if rows[s] >= 0
    )


def test_a_view_that_moves_nothing_is_the_same_map() -> None:
    windows = axis.convolution(5, 5, 3, 1, 1, 1)
    assert axis.through(windows, np.arange(5), 5) is windows


def evaluated(
    maps: tuple[AxisMap, ...], update: Update, taps: list[float], values: list[float]
) -> list[float]:
    """What the targets hold when each map's runs have reached them: a kernel has one weight for a pair."""
    start = {Update.ADD: 0.0, Update.MULTIPLY: 1.0, Update.MAXIMUM: -np.inf, Update.MINIMUM: np.inf}[update]
    states = [start] * maps[0].target_size
    for found, run in ((each, run) for each in maps for run in runs(each, 1, 1)):
        for x in range(run.start, run.stop):
            for s in range(found.source_size):
                k = s - x + run.shift
                if 0 <= k < run.size and run.matrix[k].any():
                    states[x] = updated(update, states[x], float(run.matrix[k] @ taps) * values[s])
    return states


def updated(update: Update, state: float, value: float) -> float:
    """A neuron's state when an event has reached it."""
    match update:
        case Update.ADD:
            return state + value
        case Update.MULTIPLY:
            return state * value
        case Update.MAXIMUM:
            return max(state, value)
        case Update.MINIMUM:
            return min(state, value)


@given(
    st.sampled_from(Update),
    st.lists(st.integers(-1, 3), min_size=2, max_size=7),
    st.integers(1, 4),
    STEPS,
    st.booleans(),
    st.lists(st.sampled_from([-2.0, -0.5, 1.0, 3.0]), min_size=4, max_size=4),
)
def test_what_a_view_repeats_is_updated_as_often_as_it_is_named(
    update: Update, rows: list[int], kernel: int, stride: int, one_tap: bool, values: list[float]
) -> None:
    target = max(1, (len(rows) - kernel) // stride + 1)
    windows = axis.convolution(len(rows), target, kernel, stride, 0, 1)
    windows = axis.pooled(windows) if one_tap else windows
    taps = [1.0] if one_tap else [1.0, 0.5, -1.0, 2.0][:kernel]
    seen = axis.through(windows, np.array(rows), 4)
    want = evaluated((windows,), update, taps, [values[r] if r >= 0 else np.nan for r in rows])
    if -1 not in rows:
        assert evaluated(axis.repeats(seen, update), update, taps, values) == pytest.approx(want)
    for found in axis.repeats(seen, update) if update is not Update.ADD else ():
        assert len({(x, s) for x, s, _, _ in entries(found)}) == len(found.targets)


def test_a_map_that_repeats_nothing_is_one_map() -> None:
    windows = axis.convolution(5, 5, 3, 1, 1, 1)
    assert all(axis.repeats(windows, update) == (windows,) for update in Update)
    twice = axis.through(windows, np.array([0, 0, 1, 1, 2]), 3)
    assert axis.repeats(twice, Update.ADD) == (twice,)
    assert len(axis.repeats(axis.pooled(twice), Update.MAXIMUM)) == 1
    assert len(axis.repeats(axis.pooled(twice), Update.MULTIPLY)) == 2
