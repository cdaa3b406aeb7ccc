"""The order of layers: every layer behind what it reads, and fewer neurons in use at once."""

import hypothesis
import numpy as np
import onnx.numpy_helper
import onnx.parser
import pytest
from oracle.graphs import Recipe, recipes

from snc.compiler.frontend.read import to_layers
from snc.ir.layers import LayerGraph
from snc.passes.order import Arrange, most_in_use

# Two branches, each narrow, wide and narrow again, layer by layer in turn.
BRANCHES = """<ir_version: 8, opset_import: ["" : 17]> g (float[1,4,8,8] x) => (float[1,4,8,8] y)
  { a = Conv(x, w0) b = Conv(x, w1) c = Conv(a, up0) d = Conv(b, up1) e = Conv(c, down0) f = Conv(d, down1)
    y = Add(%s) }"""
SHAPES = {"w": (4, 4, 1, 1), "up": (32, 4, 1, 1), "down": (4, 32, 1, 1)}


def branches(last: str) -> LayerGraph:
    model = onnx.parser.parse_model(BRANCHES % last)
    random = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        for number in range(2):
            weights = random.standard_normal(shape).astype(np.float32)
            model.graph.initializer.append(onnx.numpy_helper.from_array(weights, f"{name}{number}"))
    return to_layers(model, "branches")


def in_use(graph: LayerGraph) -> int:
    return most_in_use(graph, range(len(graph.layers)))


@pytest.mark.parametrize("last", ["e, f", "f, e"])
def test_branches_are_finished_one_after_the_other(last: str) -> None:
    graph = branches(last)
    arranged = Arrange()(graph)
    arranged.verify()
    assert {layer.name for layer in arranged.layers} == {layer.name for layer in graph.layers}
    assert in_use(arranged) < in_use(graph)


def test_a_chain_stays_as_it_is() -> None:
    text = (
        '<ir_version: 8, opset_import: ["" : 17]> g (float[1,4] x) => (float[1,4] y) {a = Relu(x) y = Abs(a)}'
    )
    graph = to_layers(onnx.parser.parse_model(text), "chain")
    assert Arrange()(graph) is graph


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(recipes())
def test_any_network_has_all_its_layers_in_an_order_that_can_be_computed(recipe: Recipe) -> None:
    graph = to_layers(recipe.model(), "random")
    arranged = Arrange()(graph)
    arranged.verify()
    assert sorted(layer.outputs for layer in arranged.layers) == sorted(
        layer.outputs for layer in graph.layers
    )
    assert in_use(arranged) <= in_use(graph)
