"""Axis maps: which position reaches which, against the definitions of the operators as loops."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snc.ir.network import AxisMap
from snc.passes.lowering import axis

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
