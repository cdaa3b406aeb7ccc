"""In which range a tensor's values must lie, whatever a network is fed: where a clamp is needless."""

import math
from collections.abc import Mapping
from functools import reduce

import onnx

from ....ir.layers import VIEWS
from .rewriting import OWN, Rewriting, attribute, input_of

Range = tuple[float, float]

# Operators whose result lies in the range of their first input.
KEEPING = (
    *(*VIEWS, "Expand", "Tile", "DepthToSpace", "SpaceToDepth", "Dropout"),
    *("MaxPool", "GlobalMaxPool", "GlobalAveragePool", "ReduceMax", "ReduceMin", "ReduceMean"),
)
# Operators whose result lies in the range of all their inputs together.
UNITING = ("Concat", "Max", "Min", "Mean")
FIXED: Mapping[str, Range] = {
    "Sigmoid": (0.0, 1.0),
    "HardSigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Softsign": (-1.0, 1.0),
}
EVERYTHING: Range = (-math.inf, math.inf)


def inside(inner: Range, outer: Range, slack: float) -> bool:
    """Whether a range lies in another, or outside by no more than `slack`."""
    return outer[0] - slack <= inner[0] and inner[1] <= outer[1] + slack


def range_of(node: onnx.NodeProto, known: Mapping[str, Range], graph: Rewriting) -> Range:
    """Where a node's results lie, given where its inputs do."""
    first = _input_range(node, 0, known, graph)
    operator = node.op_type
    if operator in FIXED:
        return FIXED[operator]
    if operator in KEEPING or (operator in ("Resize", "Upsample") and attribute(node, "mode") != "cubic"):
        return first
    if operator in UNITING:
        return reduce(_union, (_input_range(node, i, known, graph) for i in range(len(node.input))))
    if operator in ("AveragePool", "Pad"):  # zeros stand around the map, or another constant
        value = graph.constant_input(node, 2) if operator == "Pad" else None
        if value is None and input_of(node, 2):
            return EVERYTHING
        around = (
            float(value.ravel()[0]) if value is not None and value.size else attribute(node, "value", 0.0)
        )
        return _union(first, (around, around))
    if operator in ("Relu", "Clip"):
        low, high = bounds_of(node, graph)
        return min(max(first[0], low), high), max(min(first[1], high), low)
    if operator in ("LeakyRelu", "Elu", "Selu", "Celu") and first[0] >= 0:
        return first if operator != "Selu" else EVERYTHING
    if operator == "Add":
        second = _input_range(node, 1, known, graph)
        return first[0] + second[0], first[1] + second[1]
    return EVERYTHING


def bounds_of(node: onnx.NodeProto, graph: Rewriting) -> Range:
    """The bounds of a Clip or a Relu, infinite where they are not known."""
    if node.op_type == "Relu":
        return 0.0, math.inf
    found = []
    for index, (name, default) in enumerate((("min", -math.inf), ("max", math.inf)), start=1):
        value = graph.constant_input(node, index)
        known = attribute(node, name, default) if not input_of(node, index) else default
        found.append(float(value.ravel()[0]) if value is not None and value.size == 1 else float(known))
    return found[0], found[1]


def joined(graph: Rewriting) -> list[onnx.NodeProto]:
    """The nodes of a graph, a Relu or a Clip that only another Clip reads within that one."""
    readers = graph.readers()
    makers: dict[str, onnx.NodeProto] = {}
    found = []
    for node in graph.nodes:
        made = node
        if _is_clamp(node, graph) and node.op_type == "Clip":
            before = makers.get(node.input[0])
            if before is not None and readers[node.input[0]] == 1 and _is_clamp(before, graph):
                (low, high), (least, most) = bounds_of(node, graph), bounds_of(before, graph)
                if max(low, least) <= min(high, most):
                    ends = max(low, least), min(high, most)
                    made = graph.clip(before.input[0], *ends, node.output[0], node.name)
        found.append(made)
        makers.update(dict.fromkeys(made.output, made))
    return found


def _is_clamp(node: onnx.NodeProto, graph: Rewriting) -> bool:
    """Whether a node is a Relu, or a Clip to bounds that are known."""
    if node.op_type not in ("Relu", "Clip") or node.domain not in OWN:
        return False
    bounds = (graph.constant_input(node, index) for index, name in enumerate(node.input) if index and name)
    return all(bound is not None and bound.size == 1 for bound in bounds)


def _union(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])


def _input_range(node: onnx.NodeProto, index: int, known: Mapping[str, Range], graph: Rewriting) -> Range:
    name = input_of(node, index)
    if name in known:
        return known[name]
    value = graph.constant_input(node, index)
    if value is not None and value.size and value.dtype.kind in "fiu":
        return float(value.min()), float(value.max())
    return EVERYTHING
