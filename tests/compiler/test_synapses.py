"""The synapses that an image's words spell are those of the ONNX definitions, one by one, with weights."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import onnx
import pytest
from oracle.case import Case
from oracle.cases import CASES
from oracle.reading import Reading, Source
from oracle.synapses import ELEMENTWISE, node_synapses
from oracle.views import VIEWS, origins

from snc.backends.image.container import write_image
from snc.ir.chip import Chip

from .reference import CHIP, compiled, shrunken
from .walk import Place, Walk

SMALL = shrunken(
    core_words=1200,
    width_max=5,
    height_max=4,
    depth_max=3,
    kernel_max=3,
    mesh=(24, 24),
    channel_offset_max=40,
)

Pair = tuple[Source, Source]  # an element of a tensor that a node reads, and one of a tensor that it makes


def computing(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that are more than a view; an activation of the layer before it is part of that."""
    nodes = [node for node in model.graph.node if node.op_type not in VIEWS | {"Constant"}]
    if [node.op_type in ELEMENTWISE for node in nodes] == [False, True] and len(model.graph.output) == 1:
        reads = {name for name, _ in origins(Reading.of(model), nodes[1].input[0])}
        return nodes[:1] if reads == set(nodes[0].output) else nodes
    return nodes


def expected(reading: Reading, node: onnx.NodeProto) -> dict[Pair, float]:
    """The synapses of a node by ONNX's definition, from the elements that are upstream of all views."""
    upstream = {name: origins(reading, name) for name in node.input if name in reading.shapes}
    found = node_synapses(reading, node)
    return {
        (upstream[name][source], (node.output[0], target)): weight
        for ((name, source), target), weight in found.items()
    }


def names_of(walk: Walk, reading: Reading, made: str) -> dict[Place, Source]:
    """Each neuron's element upstream of all views; where that is not an input's, it is one of `made`."""
    inputs = {tensor["name"] for tensor in walk.tensors if tensor["kind"] == "input"}
    found: dict[Place, Source] = {}
    for tensor in walk.tensors:
        if tensor["name"] in reading.shapes:
            known = origins(reading, tensor["name"])
            for neuron, element in walk.named(tensor):
                name, position = known[element]
                found[neuron] = (name if name in inputs else made, position)
    return found


def check(model: onnx.ModelProto, chip: Chip) -> None:
    """Every synapse of the image is one of the model's only computing node, and the other way round."""
    (node,) = computing(model)
    reading = Reading.of(model)
    want = expected(reading, node)
    walk = Walk(write_image(compiled(model, chip).image))
    named = names_of(walk, reading, node.output[0])
    got: defaultdict[Pair, float] = defaultdict(float)
    met = Counter[tuple[Source, Source, str]]()
    updates: defaultdict[Source, set[str]] = defaultdict(set)
    for found in walk.synapses():
        if found.weight == 0:  # nothing happens: a trained zero, or the hole of a dilation
            continue
        source, target = named[found.source], named[found.target]
        met[source, target, found.update] += 1
        got[source, target] += found.weight
        updates[target].add(found.update)
    assert max(met.values()) == max(Counter(filter(None, node.input)).values()), "a synapse is there twice"
    assert got.keys() == {pair for pair, weight in want.items() if weight}
    slack = rounded_positions(node, reading)
    assert all(abs(weight - want[pair]) <= 1e-6 * abs(weight) + slack for pair, weight in got.items())
    assert set(map(frozenset, updates.values())) == {frozenset(of_operator(node, reading))}


def rounded_positions(node: onnx.NodeProto, reading: Reading) -> float:
    """How far weights of a Resize may be from the definition's: positions are rounded as ONNX Runtime rounds
    them, to single precision, along two axes.
    """
    if node.op_type not in ("Resize", "Upsample"):
        return 0.0
    return 2 * 2.0**-23 * max(reading.shapes[node.input[0]])


def of_operator(node: onnx.NodeProto, reading: Reading) -> Iterable[str]:
    """How the neurons of an operator are updated."""
    if node.op_type in ("MaxPool", "GlobalMaxPool"):
        return ["maximum"]
    if node.op_type == "Mul" and not any(name in reading.constants for name in node.input):
        return ["add", "multiply"]
    return ["add"]


# More than one population computes these: strides of 4 and 8 take identity layers of stride 2, the square of
# a tensor takes a copy of it, and a constant map takes a neuron that feeds it.
DECOMPOSED = {
    "conv-k3-s4",
    "conv-k5-s4-pads2121",
    "conv-k1-s4",
    "conv-k3-s4-relu",
    "conv-k8-s8-patches",
    "average-k4-s4",
    "max-k4-s4",
    "mul-same-tensor",
    "add-constant-per-element",
}
SINGLE = [case for case in CASES if len(computing(case.model())) == 1 and case.name not in DECOMPOSED]
# Wide fields are what these are about: cut to pieces of three channels they only take long.
HUGE = ("1100", "1024", "300", "257")


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in SINGLE])
def test_synapses_of_the_image_are_those_of_onnx(case: Case) -> None:
    check(case.model(), CHIP)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name)
        for case in SINGLE
        if not case.thorough and not any(size in case.name for size in HUGE)
    ],
)
def test_cut_to_small_fragments_the_synapses_are_the_same(case: Case) -> None:
    check(case.model(), SMALL)
