"""Which populations a layer of the model has is said where they are made, and kept by what changes them."""

from dataclasses import replace

import onnx
import pytest
from oracle import layers
from oracle.writer import Writer

from snc.compiler.frontend.read import to_layers
from snc.ir.errors import VerifyError
from snc.ir.network import Network, Neuron
from snc.passes.fold import Fold
from snc.passes.fuse import Fuse
from snc.passes.lowering.lower import Lower


def lowered(model: onnx.ModelProto) -> Network:
    network = Lower()(Fold()(to_layers(model, "model"))).whole()
    network.verify()
    return network


def test_helpers_belong_to_their_layer_and_the_result_is_the_last() -> None:
    w = Writer(13, 2)
    x = layers.conv(w, w.input((1, 3, 12, 12)), 4)
    found = lowered(w.model([layers.conv(w, x, 2, stride=(4, 4))], "helpers"))
    source, _, strided = found.layers
    assert (source.operator, source.nodes) == ("input", ())
    assert strided.operator == "Conv"
    assert len(strided.populations) > 1
    (output,) = (tensor for tensor in found.tensors if tensor.kind == "output")
    assert {piece.population for piece in output.pieces} == {strided.result}
    assert found.layer_of()[strided.populations[0]] is strided


def test_a_layer_that_is_fused_away_is_a_node_of_the_sum() -> None:
    w = Writer(13, 2)
    x = w.input((1, 4, 6, 5))
    a, b = (layers.conv(w, x, 4, pads=(1, 1, 1, 1)) for _ in range(2))
    before = lowered(w.model([w.add("Relu", w.add("Add", a, b))], "sum"))
    after = Fuse()(before)
    after.verify()
    assert [layer.operator for layer in before.layers] == ["input", "Conv", "Conv", "Add"]
    assert [layer.operator for layer in after.layers] == ["input", "Add"]
    assert after.layers[1].nodes == after.populations[1].nodes
    assert len(after.layers[1].nodes) == 4


def test_an_input_and_a_node_of_the_same_name_are_two_layers() -> None:
    w = Writer(13, 2)
    x = w.input((1, 4))
    model = w.model([layers.gemm(w, x, 3)], "names")
    model.graph.node[-1].name = x
    found = lowered(model)
    assert [layer.name for layer in found.layers] == [x, f"{x}'"]
    assert found.populations[found.layers[0].result].neuron is Neuron.INPUT


def test_a_population_is_in_one_layer() -> None:
    w = Writer(13, 2)
    found = lowered(w.model([layers.gemm(w, w.input((1, 4)), 3)], "net"))
    for wrong in (found.layers[:1], (*found.layers, found.layers[0])):
        with pytest.raises(VerifyError, match="layers have"):
            replace(found, layers=wrong).verify()
