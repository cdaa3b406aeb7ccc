"""Quantised layers, each between a DequantizeLinear and a QuantizeLinear."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .small import Array, node, scalar

MAP = (1, 4, 8, 8)
ROW = (1, 16)
RANDOM = np.random.default_rng(5)


def drawn(*shape: int, low: int = -127, high: int = 127, kind: Any = np.int8) -> Array:
    """Random integers."""
    return np.random.default_rng([*shape, high]).integers(low, high, shape, endpoint=True).astype(kind)


# Scales and zero points: of the input, of weights, of results.
CONSTANTS: Mapping[str, Array] = {
    "xs": scalar(0.02),
    "xz": scalar(120, np.uint8),
    "as": scalar(0.031),
    "az": scalar(7, np.int8),
    "bs": scalar(0.11),
    "bz": scalar(128, np.uint8),
    "ws": scalar(0.006),
    "wz": scalar(0, np.int8),
    "wzu": scalar(131, np.uint8),
    "cs": RANDOM.uniform(0.001, 0.01, 6).astype(np.float32),
    "cz": np.zeros(6, np.int8),
    "ds": RANDOM.uniform(0.001, 0.01, 4).astype(np.float32),
    "dz": np.zeros(4, np.int8),
    "ps": scalar(0.02 * 0.006),
    "pz": scalar(0, np.int32),
    "w": drawn(6, 4, 3, 3),
    "wu": drawn(6, 4, 3, 3, low=0, high=255, kind=np.uint8),
    "w4": drawn(6, 4, 3, 3, low=-8, high=7),
    "wd": drawn(4, 1, 3, 3),
    "wt": drawn(4, 6, 2, 2),
    "wm": drawn(16, 6),
    "wg": drawn(6, 16),
    "b": drawn(6, low=-4000, high=4000, kind=np.int32),
    "large": np.array([2**24 + 1, -(2**25) - 3, 5, 2**30 + 7, 0, -9], np.int32),
    "low": scalar(0),
    "six": scalar(6),
    "scales": np.array([1, 1, 2, 2], np.float32),
    "pads": np.array([0, 0, 1, 1, 0, 0, 1, 2]),
    "flat": np.array([1, -1]),
    "axes": np.array([2, 3]),
    "k": drawn(1, 4, 1, 1),
    "wf": drawn(6, 4, 3, 3).astype(np.float32),
    "bf": drawn(6).astype(np.float32),
    "es": RANDOM.uniform(0.001, 0.01, 16).astype(np.float32),
    "ez": np.zeros(16, np.int8),
}


def q(source: str, result: str, scale: str, zero: str, **attributes: Any) -> list[onnx.NodeProto]:
    """A tensor quantised, and dequantised again."""
    return [
        node("QuantizeLinear", f"{source} {scale} {zero}", f"{result}.q", **attributes),
        d(f"{result}.q", result, scale, zero, **attributes),
    ]


def d(source: str, result: str, scale: str, zero: str, **attributes: Any) -> onnx.NodeProto:
    """Integers dequantised."""
    return node("DequantizeLinear", f"{source} {scale} {zero}", result, **attributes)


def weights(name: str = "w", zero: str = "wz", **attributes: Any) -> list[onnx.NodeProto]:
    """Weights with one scale."""
    return [d(name, "wr", "ws", zero, **attributes)]


@dataclass(frozen=True, slots=True)
class Case:
    """Nodes from x0, which is quantised, to r, which is quantised behind."""

    nodes: Sequence[onnx.NodeProto]
    shape: Sequence[int] = MAP
    opset: int = 13
    rank: int = 0  # of the result, where it is not the input's


CONV: dict[str, Any] = {"pads": [1, 1, 1, 1]}
BIAS = d("b", "br", "ps", "pz")
MAX: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}

CASES: Mapping[str, Case] = {
    "a convolution": Case([*weights(), BIAS, node("Conv", "x0 wr br", "r", **CONV)]),
    "a convolution without bias": Case([*weights(), node("Conv", "x0 wr", "r", strides=[2, 2], **CONV)]),
    "a scale for each channel": Case(
        [d("w", "wr", "cs", "cz", axis=0), node("Conv", "x0 wr", "r", **CONV)],
    ),
    "a depthwise convolution": Case(
        [d("wd", "wr", "ds", "dz", axis=0), node("Conv", "x0 wr", "r", group=4, dilations=[2, 2])]
    ),
    "a stride that the chip has not": Case([*weights(), node("Conv", "x0 wr", "r", strides=[4, 4], **CONV)]),
    "a stride of three": Case([*weights(), BIAS, node("Conv", "x0 wr br", "r", strides=[3, 3])]),
    "weights with a zero point": Case([*weights("wu", "wzu"), node("Conv", "x0 wr", "r", **CONV)]),
    "a bias beyond single precision": Case(
        [*weights(), d("large", "br", "ps", "pz"), node("Conv", "x0 wr br", "r", **CONV)]
    ),
    "a rectifier": Case([*weights(), BIAS, node("Conv", "x0 wr br", "c"), node("Relu", "c", "r")]),
    "a rectifier of six": Case([*weights(), node("Conv", "x0 wr", "c"), node("Clip", "c low six", "r")]),
    "a pool of sums": Case([*weights(), node("Conv", "x0 wr", "c"), node("MaxPool", "c", "r", **MAX)]),
    "a transposed convolution": Case(
        [*weights("wt"), node("ConvTranspose", "x0 wr", "r", strides=[2, 2], output_padding=[1, 1])]
    ),
    "a product": Case([*weights("wm"), node("MatMul", "x0 wr", "r")], ROW),
    "a product and its bias": Case(
        [*weights("wm"), BIAS, node("MatMul", "x0 wr", "m"), node("Add", "m br", "r")], ROW
    ),
    "rows times columns of other scales": Case(
        [d("wm", "wr", "cs", "cz", axis=1), node("MatMul", "x0 wr", "r")], (1, 5, 16)
    ),
    "a dense layer": Case([*weights("wg"), BIAS, node("Gemm", "x0 wr br", "r", transB=1)], ROW),
    "a dense layer, a scale for each row": Case(
        [d("wg", "wr", "cs", "cz", axis=0), node("Gemm", "x0 wr", "r", transB=1)], ROW
    ),
    "two computed operands": Case(
        [
            *q("x0", "x1", "as", "az"),
            node("Transpose", "x1", "t", perm=[0, 2, 1]),
            node("MatMul", "x0 t", "r"),
        ],
        (1, 3, 5),
    ),
    "a sum": Case([*q("x0", "x1", "as", "az"), *q("x0", "x2", "bs", "bz"), node("Add", "x1 x2", "r")]),
    "a difference": Case([*q("x0", "x1", "as", "az"), node("Sub", "x0 x1", "r")]),
    "a constant is taken off": Case([d("k", "kr", "ws", "wz"), node("Sub", "x0 kr", "r")]),
    "a sum of sums of products": Case(
        [
            *(*weights(), BIAS, node("Conv", "x0 wr br", "c", **CONV), *q("c", "x1", "as", "az")),
            *(node("Conv", "x0 wr", "e", **CONV), node("Add", "e x1", "r")),
        ]
    ),
    "a product of maps": Case([*q("x0", "x1", "as", "az"), node("Mul", "x0 x1", "r")]),
    "a product with a constant": Case([d("k", "kr", "ws", "wz"), node("Mul", "x0 kr", "r")]),
    "a gate": Case(
        [node("GlobalAveragePool", "x0", "p"), *q("p", "x1", "as", "az"), node("Mul", "x0 x1", "r")]
    ),
    "a concatenation": Case([*q("x0", "x1", "bs", "bz"), node("Concat", "x0 x1", "r", axis=1)]),
    "a concatenation of one scale": Case([node("Concat", "x0 x0", "r", axis=1)]),
    "a mean": Case([node("GlobalAveragePool", "x0", "r")]),
    "a mean along axes": Case([node("ReduceMean", "x0", "r", axes=[2, 3], keepdims=0)], rank=2),
    "means of windows": Case([node("AveragePool", "x0", "r", kernel_shape=[3, 3], strides=[2, 2])]),
    "means with a border": Case(
        [node("AveragePool", "x0", "r", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)]
    ),
    "means of fewer at the border": Case(
        [node("AveragePool", "x0", "r", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])]
    ),
    "means beyond the border": Case(
        [node("AveragePool", "x0", "r", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)]
    ),
    "means of maps as large": Case(
        [node("AveragePool", "x0", "r", kernel_shape=[2, 3], strides=[2, 1], auto_pad="SAME_UPPER")]
    ),
    "a border": Case([node("Pad", "x0 pads", "p"), *weights(), node("Conv", "p wr", "r")]),
    "enlarged maps": Case([node("Resize", "x0 - scales", "r", mode="nearest")]),
    "a view of integers": Case(
        [
            node("QuantizeLinear", "x0 as az", "i"),
            node("Transpose", "i", "j", perm=[0, 2, 3, 1]),
            d("j", "r", "as", "az"),
        ]
    ),
    "parts": Case([helper.make_node("Split", ["x0"], ["s", "u"], "s", axis=1), node("Add", "s u", "r")]),
    "a leaky rectifier": Case([node("LeakyRelu", "x0", "r", alpha=0.5)]),
    "a sigmoid": Case([node("Sigmoid", "x0", "r")]),
    "a hyperbolic tangent": Case([node("Tanh", "x0", "r")]),
    "a hard swish": Case([node("HardSwish", "x0", "r")], opset=14),
    "weights of four bits": Case([*weights("w4", "wz4"), node("Conv", "x0 wr", "r", **CONV)], opset=21),
    "another range": Case([node("Identity", "x0", "r")]),
    "an old opset": Case([*weights(), node("Conv", "x0 wr", "c", **CONV), node("Relu", "c", "r")], opset=10),
}


def model(
    case: Case, output: str = "y", constants: Mapping[str, Array] = MappingProxyType({})
) -> onnx.ModelProto:
    """A case's model, from floats to floats, or with output "r.q" to integers. `constants`: others than
    `CONSTANTS`.
    """
    ends = "as", "az"
    nodes = [
        node("QuantizeLinear", "x xs xz", "x.q"),
        d("x.q", "x0", "xs", "xz"),
        *_sorted(case.nodes, {**CONSTANTS, **constants}),
        node("QuantizeLinear", f"r {' '.join(ends)}", "r.q"),
    ]
    kind = TensorProto.INT8
    if output == "y":
        nodes.append(d("r.q", "y", *ends))
        kind = TensorProto.FLOAT
    held = [numpy_helper.from_array(value, name) for name, value in {**CONSTANTS, **constants}.items()]
    held.append(helper.make_tensor("wz4", TensorProto.INT4, [], [0]))
    held = [_as_int4(each) if each.name == "w4" and case.opset >= 21 else each for each in held]
    read = {name for each in nodes for name in each.input}
    graph = helper.make_graph(
        nodes,
        "case",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(case.shape))],
        [
            helper.make_tensor_value_info(
                output, kind, [f"y{axis}" for axis in range(case.rank or len(case.shape))]
            )
        ],
        [each for each in held if each.name in read],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=10)


def _as_int4(tensor: onnx.TensorProto) -> onnx.TensorProto:
    array = numpy_helper.to_array(tensor)
    return helper.make_tensor(tensor.name, TensorProto.INT4, array.shape, array.ravel().tolist())


def _sorted(nodes: Sequence[onnx.NodeProto], constants: Iterable[str]) -> Iterator[onnx.NodeProto]:
    """Nodes in an order in which they can be computed."""
    left, made = list(nodes), {"x0", *constants, "wz4", ""}
    while left:
        ready = next(each for each in left if made.issuperset(each.input))
        left.remove(ready)
        made.update(ready.output)
        yield ready


def frames(case: Case) -> list[Array]:
    """Frames, the last of them far outside the range of the scales."""
    random = np.random.default_rng(12)
    return [(random.normal(size=case.shape) * spread).astype(np.float32) for spread in (0.5, 1, 8)]
