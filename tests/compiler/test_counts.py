"""Counted synapses are those of the slow oracle, for every layer type and for random small networks."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from oracle.cases import CASES
from oracle.graphs import Recipe, random_recipe
from oracle.reading import Reading
from oracle.synapses import ELEMENTWISE, node_synapses
from oracle.views import VIEWS

from snc.ir.counts import channel_pairs, padded_synapses, synapses, synapses_into, trained_weights
from snc.ir.network import Network
from snc.models.catalogue import build

from .reference import CHIP, compiled, options, shrunken

KINDS = (
    "conv",
    "depthwise",
    "grouped",
    "conv-transpose",
    "average-pool",
    "max-pool",
    "dense",
)
# "Add": the constant behind a MatMul, a bias.
SILENT = VIEWS | ELEMENTWISE | {"Constant", "Add"}


def network_of(model: onnx.ModelProto) -> Network:
    return compiled(model, CHIP, options()).network


def plain(recipe: Recipe) -> onnx.ModelProto:
    """The network with one input and one output: no neurons copy a tensor for the host."""
    return replace(recipe, second_input=None, second_output=None).model()


def is_not_one_layer(node: onnx.NodeProto, reading: Reading) -> bool:
    """A stride of four or more, which layers of stride two make up, or a pool of one pixel, which is none."""
    if node.op_type == "AveragePool" and reading.shapes[node.input[0]][2:] == (1, 1):
        return True
    return any(each.name == "strides" and max(each.ints) >= 4 for each in node.attribute)


@pytest.mark.parametrize("seed", range(60))
def test_a_random_network_has_the_synapses_of_the_oracle(seed: int) -> None:
    model = plain(random_recipe(seed, KINDS))
    reading = Reading.of(model)
    nodes = [node for node in model.graph.node if node.op_type not in SILENT]
    apart = {node.name for node in nodes if is_not_one_layer(node, reading)}
    want = sum(len(node_synapses(reading, node)) for node in nodes if node.name not in apart)
    projections = network_of(model).projections
    counted = [p for p in projections if p.origin.operator not in ELEMENTWISE and p.origin.node not in apart]
    assert sum(map(synapses, counted)) == want
    assert all(padded_synapses(p) >= synapses(p) for p in projections)


@pytest.mark.parametrize("seed", [0, 4, 5, 7])
def test_every_synapse_ends_in_one_fragment(seed: int) -> None:
    small = shrunken(core_words=300, width_max=5, height_max=5, depth_max=2, mesh=(8, 8))
    mapping = compiled(random_recipe(seed).model(), small, options()).mapping
    assert len(mapping.plans) > len(mapping.network.populations)
    for projection in mapping.network.projections:
        pieces = [plan.fragment for plan in mapping.plans if plan.fragment.population == projection.target]
        assert sum(synapses_into(projection, piece) for piece in pieces) == synapses(projection)


def test_pilotnet_has_the_weights_of_its_paper() -> None:
    network = network_of(build("pilotnet"))
    assert trained_weights(network) == 251_822
    assert sum(map(synapses, network.projections)) == 26_876_342
    assert sum(map(padded_synapses, network.projections)) == 26_876_342, "it pads nothing"


@pytest.mark.parametrize("seed", range(4))
def test_an_element_of_a_constant_counts_once_wherever_it_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (case,) = (case for case in CASES if case.name == "conv-k3-pads1111")
    network = network_of(case.model())
    (whole,) = network.projections
    index = whole.kernel.index
    assert index is not None
    rows = [rng.permutation(index), index[:1], np.where(rng.random(index.shape) < 0.5, index, -1)]
    every = {number for row in rows[1:] for number in row.ravel().tolist() if number >= 0}
    parts = [replace(whole, kernel=replace(whole.kernel, index=row)) for row in rows]
    assert trained_weights(network) == index.size
    assert trained_weights(replace(network, projections=tuple(parts[1:]))) == len(every)
    assert trained_weights(replace(network, projections=tuple(parts))) == index.size


def test_padding_is_what_a_whole_kernel_at_the_border_adds() -> None:
    (case,) = (case for case in CASES if case.name == "conv-k3-pads1111")
    (projection,) = network_of(case.model()).projections
    source, target = projection.y.source_size, projection.x.source_size
    assert padded_synapses(projection) == 9 * source * target * channel_pairs(projection)
    assert synapses(projection) == (3 * source - 2) * (3 * target - 2) * channel_pairs(projection)
