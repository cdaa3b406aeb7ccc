"""No way to gather units takes fewer crossbars than the bound says."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.sat.python import cp_model

from snc.compiler.pipeline.prepare import prepare
from snc.ir.crossbar.units import Units
from snc.models.he import He
from snc.models.writer import Writer
from snc.passes.crossbar.bound import Windows, bound
from snc.passes.crossbar.decompose import Decompose
from snc.passes.crossbar.unroll import Unroll


@given(
    places=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=20),
    size=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)),
    step=st.tuples(st.integers(1, 6), st.integers(1, 6)),
)
@settings(deadline=None, max_examples=200)
def test_windows_take_no_fewer_rows(
    places: set[tuple[int, int]], size: tuple[int, int, int], step: tuple[int, int]
) -> None:
    """Any windows, counted position by position."""
    channels, ky, kx = size
    covered = {
        (y * step[0] + dy, x * step[1] + dx) for y, x in places for dy in range(ky) for dx in range(kx)
    }
    assert Windows(99, 1, size, step).rows(len(places)) <= channels * len(covered)


def test_windows_in_a_square_take_just_so_many() -> None:
    windows = Windows(99, 1, (3, 5, 5), (1, 1))
    assert [windows.rows(side * side) for side in (1, 2, 4)] == [3 * (side + 4) ** 2 for side in (1, 2, 4)]


def fewest(units: Units, rows: int, columns: int, most: int) -> int:
    """The fewest crossbars of all ways, by a solver that knows no windows."""
    model = cp_model.CpModel()
    computed = units.computed.tolist()
    on = {(u, k): model.new_bool_var("") for u in computed for k in range(most)}
    used = [model.new_bool_var("") for _ in range(most)]
    driven = {(s, k): model.new_bool_var("") for s in np.unique(units.sources).tolist() for k in range(most)}
    for u in computed:
        model.add_exactly_one(on[u, k] for k in range(most))
        for source in units.sources[units.first[u] : units.first[u + 1]].tolist():
            for k in range(most):
                model.add_implication(on[u, k], driven[source, k])
    for k in range(most):
        model.add(sum(on[u, k] for u in computed) <= columns * used[k])
        model.add(sum(var for (_, at), var in driven.items() if at == k) <= rows)
        if k:
            model.add_implication(used[k], used[k - 1])
    model.minimize(sum(used))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = 10
    assert solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return round(solver.objective_value)


@pytest.mark.parametrize(
    ("side", "channels", "kernel", "rows", "columns"), [(4, 2, 2, 6, 4), (5, 1, 3, 12, 3), (4, 1, 2, 8, 8)]
)
def test_a_convolution_takes_no_fewer(
    side: int, channels: int, kernel: int, rows: int, columns: int, tmp_path: Path
) -> None:
    net = Writer("small", (1, side, side))
    x = net.conv("conv", net.source, He(1).plain_conv(channels, 1, kernel))
    path = tmp_path / "model.onnx"
    onnx.save(net.model(x), path)
    network = prepare(path).network
    units = Decompose(rows)(Unroll()(network)).units
    least = bound(units, rows, columns, network)
    assert bound(units, rows, columns) <= least <= fewest(units, rows, columns, units.computed.size)


def test_windows_make_the_bound_of_a_convolution_better(tmp_path: Path) -> None:
    net = Writer("larger", (1, 24, 24))
    path = tmp_path / "model.onnx"
    onnx.save(net.model(net.conv("conv", net.source, He(1).plain_conv(8, 1, 5))), path)
    network = prepare(path).network
    units = Unroll()(network)
    assert bound(units, 64, 512, network) > 1.5 * bound(units, 64, 512)
