"""Means of whole numbers: their sums, and by how many these are divided when they are rounded."""

import math
from collections.abc import Sequence

import numpy as np
import onnx

from .pending import NotWhole
from .rewriting import Rewriting, attribute, like

AXES_AS_INPUT = 13  # the first opset whose ReduceSum takes its axes as an input
ONES_MAX = 2**24  # of the windows of all channels: damaged files have any sizes


def sum_of(
    node: onnx.NodeProto, data: str, shape: Sequence[int], graph: Rewriting
) -> tuple[onnx.NodeProto, int]:
    """The node that sums what a node is the mean of, and how many. Raises NotWhole."""
    result = graph.fresh(f"{node.output[0]}:sum")
    if node.op_type == "AveragePool":
        return _window(node, data, result, shape[1], graph)
    axes, keeps = list(range(2, len(shape))), 1
    if node.op_type == "ReduceMean":
        held = graph.constant_input(node, 1)
        axes = attribute(node, "axes") or (held.tolist() if held is not None else [])
        keeps = attribute(node, "keepdims", 1)
        if not axes:
            raise NotWhole("it averages over axes that are not named")
    count = math.prod(shape[axis] for axis in axes)
    if graph.opset < AXES_AS_INPUT:
        made = onnx.helper.make_node("ReduceSum", [data], [result], node.name, axes=axes, keepdims=keeps)
    else:
        named = graph.hold(graph.fresh(f"{result}/axes"), np.array(axes, dtype=np.int64))
        made = onnx.helper.make_node("ReduceSum", [data, named], [result], node.name, keepdims=keeps)
    return made, count


def _window(
    node: onnx.NodeProto, data: str, result: str, channels: int, graph: Rewriting
) -> tuple[onnx.NodeProto, int]:
    """A convolution with ones, channel by channel."""
    has_border = any(attribute(node, "pads") or [0])
    if (
        attribute(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID")
        or attribute(node, "ceil_mode", 0)
        or (has_border and not attribute(node, "count_include_pad", 0))
    ):
        raise NotWhole("it averages over windows of different sizes")
    kernel = [int(size) for size in attribute(node, "kernel_shape")]
    if min(kernel) < 1 or channels * math.prod(kernel) > ONES_MAX:
        raise NotWhole("its windows are larger than any map")
    ones = graph.hold(graph.fresh(f"{result}/ones"), np.ones((channels, 1, *kernel), dtype=np.float32))
    made = like(node, "Conv", [data, ones], [result], ("count_include_pad", "ceil_mode"))
    made.attribute.append(onnx.helper.make_attribute("group", channels))
    return made, math.prod(kernel)
