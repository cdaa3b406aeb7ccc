"""Wiring: whatever strides are chosen, runs spell the same synapses; ordinary layers are one run."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snc.compiler.targets.target import load_target
from snc.ir.errors import Origin
from snc.ir.network import AxisMap, Kernel, Network, Population, PopulationId, Projection, Shape
from snc.ir.wiring import Run, Wiring
from snc.passes.lowering import axis
from snc.passes.wiring.wire import Wire, runs

CHIP = load_target("grai-vip")


def linear(x: int, scale: int) -> dict[int, float]:
    """Two neighbours with half-pixel weights, not clamped."""
    position = (x + 0.5) / scale - 0.5
    low = int(np.floor(position))
    return {s: w for s, w in ((low, low + 1 - position), (low + 1, position - low)) if 0 <= s < 6}


AXES: st.SearchStrategy[AxisMap] = st.one_of(
    st.builds(
        axis.convolution,
        st.integers(1, 12),
        st.integers(1, 12),
        st.integers(1, 5),
        st.integers(1, 4),
        st.integers(0, 4),
        st.integers(1, 3),
    ),
    st.builds(
        axis.transposed,
        st.integers(1, 8),
        st.integers(1, 16),
        st.integers(1, 5),
        st.integers(1, 4),
        st.integers(0, 3),
        st.integers(1, 2),
    ),
    st.builds(
        lambda s, t, k, f: axis.pooled(axis.convolution(s, t, k, k, 1, 1), np.array(f[:t])),
        st.integers(1, 10),
        st.integers(1, 6),
        st.integers(1, 4),
        st.lists(st.sampled_from([1.0, 1.5, 2.0]), min_size=6, max_size=6),
    ),
    st.builds(axis.broadcast, st.integers(1, 20)),
    st.builds(axis.gathered, st.integers(1, 20)),
    st.builds(axis.scattered, st.integers(1, 20)),
    st.builds(lambda scale: axis.interpolated(6, 6 * scale, lambda x: linear(x, scale)), st.integers(1, 4)),
)

Taps = dict[int, float]


def synapses(found: AxisMap) -> dict[tuple[int, int], Taps]:
    """What joins each target and source: taps with their factors."""
    joined: defaultdict[tuple[int, int], Taps] = defaultdict(dict)
    columns = (found.targets.tolist(), found.sources.tolist(), found.taps.tolist(), found.factors.tolist())
    for x, s, tap, factor in zip(*columns, strict=True):
        joined[x, s][tap] = joined[x, s].get(tap, 0.0) + factor
    return dict(joined)


def spelt(found: tuple[Run, ...], sources: int, up: int, stride: int) -> dict[tuple[int, int], Taps]:
    """What the runs join: kernel position s * up - x * stride + shift."""
    joined = {}
    for run in found:
        for x in range(run.start, run.stop):
            for s in range(sources):
                k = s * up - x * stride + run.shift
                if 0 <= k < run.size and run.matrix[k].any():
                    joined[x, s] = {int(t): float(run.matrix[k, t]) for t in np.flatnonzero(run.matrix[k])}
    return joined


@given(AXES, st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2]))
def test_runs_spell_the_same_synapses_with_any_strides(found: AxisMap, up: int, stride: int) -> None:
    made = runs(found, up, stride)
    assert [run.start for run in made] == [0, *(run.stop for run in made[:-1])]
    assert made[-1].stop == found.target_size
    assert spelt(made, found.source_size, up, stride) == synapses(found)
    assert all(not run.size or (run.matrix[0].any() and run.matrix[-1].any()) for run in made)


@pytest.mark.parametrize(
    ("found", "up", "stride", "count"),
    [
        (axis.convolution(10, 10, 3, 1, 1, 1), 1, 1, 1),
        (axis.convolution(10, 5, 3, 2, 1, 1), 1, 2, 1),
        (axis.convolution(10, 10, 3, 1, 3, 3), 1, 1, 1),
        (axis.transposed(5, 10, 4, 2, 1, 1), 2, 1, 1),
        (axis.identity(7), 1, 1, 1),
        (axis.broadcast(9), 1, 1, 1),
        (axis.gathered(18), 1, 1, 1),
        (axis.convolution(12, 4, 3, 3, 0, 1), 1, 1, 4),  # no shift is a stride of 3
        (axis.pooled(axis.convolution(9, 9, 3, 1, 1, 1), np.array([1.5, *[1.0] * 7, 1.5])), 1, 1, 3),
    ],
)
def test_how_many_runs_a_layer_takes(found: AxisMap, up: int, stride: int, count: int) -> None:
    assert len(runs(found, up, stride)) == count


def wired(y: AxisMap, x: AxisMap, stride_max: int = 2, upsampling_max: int = 128) -> Wiring:
    """The wiring of one projection with these axes."""
    shapes = Shape(2, y.source_size, x.source_size), Shape(3, y.target_size, x.target_size)
    weights = np.ones((2, 3, y.tap_count, x.tap_count), dtype=np.float32)
    kernel = Kernel(weights * np.arange(1, 3)[:, None, None, None].astype(np.float32), np.zeros(2, np.int64))
    network = Network(
        "wired",
        tuple(Population(f"p{i}", shape, Origin()) for i, shape in enumerate(shapes)),
        (Projection(PopulationId(0), PopulationId(1), y, x, kernel, Origin()),),
        (),
    )
    network.verify()
    (found,) = Wire()(network, replace(CHIP, stride_max=stride_max, upsampling_max=upsampling_max))
    return found.wiring


@pytest.mark.parametrize(
    ("found", "us", "sl"),
    [
        (axis.convolution(10, 10, 3, 1, 1, 1), 0, 0),
        (axis.convolution(10, 5, 3, 2, 1, 1), 0, 1),
        (axis.transposed(5, 10, 4, 2, 1, 1), 1, 0),
        (axis.transposed(5, 20, 4, 4, 0, 1), 2, 0),
    ],
)
def test_powers_of_two_take_the_chips_strides(found: AxisMap, us: int, sl: int) -> None:
    wiring = wired(found, found)
    assert (wiring.us, wiring.sl, len(wiring.y), len(wiring.x)) == (us, sl, 1, 1)


@given(AXES, AXES, st.sampled_from([1, 2]), st.sampled_from([1, 2, 128]))
def test_a_wiring_keeps_within_the_chips_strides(y: AxisMap, x: AxisMap, stride: int, up: int) -> None:
    wiring = wired(y, x, stride, up)
    assert 2**wiring.sl <= stride
    assert 2**wiring.us <= up
    assert spelt(wiring.y, y.source_size, 2**wiring.us, 2**wiring.sl) == synapses(y)
    assert spelt(wiring.x, x.source_size, 2**wiring.us, 2**wiring.sl) == synapses(x)
