"""Means of whole numbers: their sums, and by how many these are divided when they are rounded."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import onnx

from .pending import NotWhole
from .quantisation import Reals
from .rewriting import Rewriting, attribute, like

AXES_AS_INPUT = 13  # the first opset whose ReduceSum takes its axes as an input
ONES_MAX = 2**24  # of the windows of all channels, and of those of one: damaged files have any sizes


def sum_of(
    node: onnx.NodeProto, data: str, shape_of: Callable[[str], tuple[int, ...]], graph: Rewriting
) -> tuple[onnx.NodeProto, Reals]:
    """The node that sums what a node is the mean of, and how many: one number, or one for each place. Raises
    NotWhole.
    """
    result, shape = graph.fresh(f"{node.output[0]}:sum"), shape_of(node.input[0])
    if node.op_type == "AveragePool":
        return _window(node, data, result, shape, shape_of(node.output[0])[2:], graph)
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
    return made, np.asarray(count, dtype=np.float32)


def _window(
    node: onnx.NodeProto, data: str, result: str, shape: Sequence[int], sizes: Sequence[int], graph: Rewriting
) -> tuple[onnx.NodeProto, Reals]:
    """A convolution with ones, channel by channel; at borders, windows may have fewer positions."""
    kernel = [int(size) for size in attribute(node, "kernel_shape")]
    rank, channels = len(kernel), shape[1]
    if min(kernel) < 1 or max(channels * math.prod(kernel), max(kernel) * math.prod(sizes)) > ONES_MAX:
        raise NotWhole("its windows are larger than any map")
    is_padded = bool(attribute(node, "count_include_pad", 0))
    if is_padded and attribute(node, "ceil_mode", 0):
        raise NotWhole("it counts a border, and windows beyond it")
    strides, dilations = (attribute(node, name) or [1] * rank for name in ("strides", "dilations"))
    auto, pads = attribute(node, "auto_pad", "NOTSET"), attribute(node, "pads") or [0] * 2 * rank
    before, behind, counts = [], [], np.ones((), dtype=np.int64)
    for axis in range(rank):
        taps = np.arange(kernel[axis]) * dilations[axis]
        starts = np.arange(sizes[axis]) * strides[axis]
        reach = int(starts[-1] + taps[-1]) + 1 - shape[2 + axis]
        first = pads[axis] if auto == "NOTSET" else 0
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            first = (max(reach, 0) + (auto == "SAME_LOWER")) // 2
        seen = starts[:, None] + taps[None, :] - first
        inside = (seen >= 0) & (seen < shape[2 + axis])
        before.append(first)
        behind.append(max(reach - first, 0))
        counts = counts[..., None] * (
            inside.sum(axis=1) if not is_padded else np.full(len(starts), len(taps))
        )
    if not counts.all():
        raise NotWhole("a window of it is empty")
    ones = graph.hold(graph.fresh(f"{result}/ones"), np.ones((channels, 1, *kernel), dtype=np.float32))
    made = like(node, "Conv", [data, ones], [result], ("count_include_pad", "ceil_mode", "auto_pad", "pads"))
    said = {"group": channels, "pads": [*before, *behind]}
    made.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in said.items())
    same = (counts == counts.flat[0]).all()
    return made, np.asarray(counts.flat[0] if same else counts, dtype=np.float32)
