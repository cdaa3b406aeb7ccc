"""Crossbars hold what is put on them, few do, and the bounds are bounds."""

from itertools import permutations
from pathlib import Path

import numpy as np
import onnx
import pytest
from checker.units import random_units
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.compiler.pipeline.prepare import prepare
from snc.ir.crossbar.layout import Clusters
from snc.ir.crossbar.units import Units
from snc.ir.errors import Origin
from snc.ir.network import Network, Population, Shape
from snc.models.digits import digits_model
from snc.models.lenet import lenet, perceptron
from snc.passes.crossbar.cluster import Cluster, Greedy
from snc.passes.crossbar.decompose import Decompose, Method
from snc.passes.crossbar.place import PlaceCrossbars, traffic
from snc.passes.crossbar.unroll import Unroll


def vector(units: Units) -> Network:
    """Populations in which the units of `random_units` are neurons."""
    sizes = np.diff(units.offsets).tolist()
    populations = tuple(Population(f"p{i}", Shape(1, 1, n), Origin()) for i, n in enumerate(sizes))
    return Network("random", populations, (), ())


def assert_holds(clusters: Clusters, rows: int, columns: int) -> None:
    units = clusters.units
    assert (clusters.of[units.computed] >= 0).all()
    assert clusters.of.max() == clusters.count - 1
    for crossbar in range(clusters.count):
        members = clusters.members(crossbar)
        heard = {int(s) for u in members for s in units.sources[units.first[u] : units.first[u + 1]]}
        assert 0 < members.size <= columns
        assert len(heard) <= rows
    assert clusters.bound <= clusters.count


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(2, 40),
    columns=st.integers(1, 12),
    method=st.sampled_from(list(Method)),
)
@settings(deadline=None, max_examples=40)
def test_crossbars_hold_their_units(seed: int, rows: int, columns: int, method: Method) -> None:
    units = Decompose(rows, method)(random_units(seed)).units
    found = Cluster(rows, columns)(units, vector(units))
    assert_holds(found, rows, columns)
    assert_holds(Greedy(rows, columns)(units), rows, columns)
    assert (found.of == Cluster(rows, columns)(units, vector(units)).of).all()


def clustered(model: onnx.ModelProto, method: Method, folder: Path) -> Clusters:
    path = folder / "model.onnx"
    onnx.save(model, path)
    network = prepare(path).network
    return Cluster(128, 128)(Decompose(128, method)(Unroll()(network)).units, network)


@pytest.mark.parametrize(
    ("model", "method", "most", "least"),
    [
        (lenet, Method.TREE, 148, 132),
        (lenet, Method.NONE, 173, 83),
        (perceptron, Method.TREE, 13, 13),
        (perceptron, Method.NONE, 2, 2),
        (digits_model, Method.TREE, 30, 25),
    ],
)
def test_known_networks_take_few_crossbars(
    model: object, method: Method, most: int, least: int, tmp_path: Path
) -> None:
    found = clustered(model(), method, tmp_path)  # type: ignore[operator]
    assert_holds(found, 128, 128)
    assert found.count <= most
    assert found.bound >= least


@pytest.mark.slow
def test_chains_take_few_crossbars(tmp_path: Path) -> None:
    assert clustered(perceptron(), Method.CHAIN, tmp_path).count <= 623
    found = clustered(lenet(), Method.CHAIN, tmp_path)
    assert found.units.computed.size == 292_654
    assert found.count <= 2_328
    assert found.bound >= 2_301


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_no_placement_beats_the_bound(seed: int) -> None:
    units = Decompose(6)(random_units(seed)).units
    clusters = Cluster(6, 3)(units, vector(units))
    mesh = (2, 2) if clusters.count <= 4 else (4, -(-clusters.count // 4))
    placed = PlaceCrossbars(mesh)(clusters)
    tiles = [tuple(tile) for tile in placed.tiles.tolist()]
    assert len(set(tiles)) == clusters.count
    sent = traffic(clusters)
    pairs = [(i, j) for i in range(clusters.count) for j in range(clusters.count)]

    def hops(at: list[tuple[int, ...]]) -> int:
        return sum(int(sent[i, j]) * (abs(at[i][0] - at[j][0]) + abs(at[i][1] - at[j][1])) for i, j in pairs)

    assert placed.hops == hops(tiles)
    assert placed.bound <= placed.hops
    if mesh == (2, 2):
        places = [(0, 0), (0, 1), (1, 0), (1, 1)]
        best = min(hops(list(at)) for at in permutations(places, clusters.count))
        assert placed.bound <= best <= placed.hops
