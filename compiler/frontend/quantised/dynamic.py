"""Layers whose inputs are quantised at run time, as layers of floats.

DynamicQuantizeLinear makes integers xq, a scale s and a zero point z of x: s (xq - z) is x, rounded. What is
linear in xq - z is a layer of x over s; where it is multiplied with s again, s is gone. Nothing is clamped:
the range is x's own. `Share`: such a tensor. Nodes stay as they were where the scale does not go.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx

from ....ir.layers import PERMUTATIONS
from .integer_operators import MICROSOFT
from .quantisers import DEQUANTISE
from .rewriting import OWN, Naming, Rewriting, attribute, input_of, like


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A tensor of a model is `real` over the product of `scales`. `zero`: the zero point of integers."""

    real: str
    scales: Counter[str]
    zero: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A number that a model computes is the product of `scales` and of a constant, "" for one."""

    scales: Counter[str]
    factor: str = ""


def static(graph: Rewriting) -> Iterator[onnx.NodeProto]:
    """The nodes of a graph, float layers beside those that quantise at run time."""
    walk = _Walk(graph)
    for node in graph.nodes:
        if node.domain in (*OWN, MICROSOFT):
            yield from walk.visit(node)
        else:
            yield node


class _Walk:
    """What is known of the tensors, in the nodes' order."""

    def __init__(self, graph: Rewriting) -> None:
        self.graph = graph
        self.shares: dict[str, Share] = {}
        self.scales: dict[str, Scale] = {}

    def visit(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """A node, and what stands beside or in place of it."""
        first = self.shares.get(input_of(node, 0))
        if node.op_type == "DynamicQuantizeLinear":
            scale, zero = node.output[1], node.output[2]
            self.scales[scale] = Scale(Counter((scale,)))
            self.shares[node.output[0]] = Share(node.input[0], Counter((scale,)), zero)
        elif node.op_type in ("ConvInteger", "MatMulInteger") and first is not None:
            if input_of(node, 2) == first.zero:
                yield from self._layer(node, first)
        elif node.op_type == "MatMulIntegerToFloat" and first is not None:
            if input_of(node, 2) in first.scales and input_of(node, 4) == first.zero:
                yield from self._floats(node, first)
                return
        elif node.op_type == DEQUANTISE and first is not None:
            if input_of(node, 1) in first.scales and input_of(node, 2) == first.zero:
                yield onnx.helper.make_node("Identity", [first.real], [node.output[0]], node.name)
                return
        elif node.op_type == "Cast" and first is not None and not first.zero:
            if attribute(node, "to") == onnx.TensorProto.FLOAT:
                self.shares[node.output[0]] = first
        elif node.op_type in PERMUTATIONS and first is not None:
            twin = self._name(node, "real")
            yield like(node, node.op_type, [first.real, *node.input[1:]], [twin])
            self.shares[node.output[0]] = Share(twin, first.scales, first.zero)
        elif node.op_type == "Mul":
            made = list(self._product(node))
            yield from made
            if any(node.output[0] in each.output for each in made):
                return
        yield node

    def _layer(self, node: onnx.NodeProto, data: Share) -> Iterator[onnx.NodeProto]:
        """The layer of floats, whose weights are integers less their zero point."""
        second = self.shares.get(node.input[1])
        result = self._name(node, "real")
        if second is not None:
            if input_of(node, 3) == second.zero:
                yield like(
                    node, "MatMul" if "MatMul" in node.op_type else "Conv", [data.real, second.real], [result]
                )
                self.shares[node.output[0]] = Share(result, data.scales + second.scales)
            return
        operator, axis = ("Conv", 0) if node.op_type == "ConvInteger" else ("MatMul", -1)
        one = self.graph.hold(self._name(node, "one"), np.array(1, dtype=np.float32))
        weights = yield from self._weights(node, [node.input[1], one, input_of(node, 3)], axis)
        yield like(node, operator, [data.real, weights], [result])
        self.shares[node.output[0]] = Share(result, data.scales)

    def _floats(self, node: onnx.NodeProto, data: Share) -> Iterator[onnx.NodeProto]:
        """MatMulIntegerToFloat: its result is multiplied with both scales."""
        weights = yield from self._weights(node, [node.input[1], node.input[3], input_of(node, 5)], -1)
        shift = input_of(node, 6)
        result = self._name(node, "product") if shift else node.output[0]
        yield like(node, "MatMul", [data.real, weights], [result])
        if shift:
            yield onnx.helper.make_node("Add", [result, shift], [node.output[0]])

    def _weights(self, node: onnx.NodeProto, inputs: list[str], axis: int) -> Naming:
        name = self._name(node, "weights")
        yield onnx.helper.make_node(DEQUANTISE, [each for each in inputs if each], [name], axis=axis)
        return name

    def _product(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Scales times scales, and what a layer makes times its scale."""
        a, b = node.input
        if b in self.shares or (b in self.scales and a not in self.shares):
            a, b = b, a
        share, scale = self.shares.get(a), self.scales.get(b) or self._constant(b)
        if share is not None and scale is not None and not share.zero and scale.scales <= share.scales:
            left = share.scales - scale.scales
            result = self._name(node, "scaled") if left.total() else node.output[0]
            operator, inputs = (
                ("Mul", [share.real, scale.factor]) if scale.factor else ("Identity", [share.real])
            )
            yield onnx.helper.make_node(operator, inputs, [result], node.name)
            if left.total():
                self.shares[node.output[0]] = Share(result, left)
        elif a in self.scales and scale is not None:
            factors = [factor for factor in (self.scales[a].factor, scale.factor) if factor]
            factor = factors[0] if factors else ""
            if len(factors) > 1:
                product = self.graph.constant(factors[0]) * self.graph.constant(factors[1])
                factor = self.graph.hold(self._name(node, "factor"), product)
            self.scales[node.output[0]] = Scale(self.scales[a].scales + scale.scales, factor)

    def _constant(self, name: str) -> Scale | None:
        return Scale(Counter(), name) if self.graph.is_constant(name) else None

    def _name(self, node: onnx.NodeProto, label: str) -> str:
        return self.graph.fresh(f"{node.output[0]}:{label}")
