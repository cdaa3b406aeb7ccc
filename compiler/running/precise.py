"""A model whose sums are computed in double precision, so that its own rounding is no error of an image.

ONNX Runtime sums in single precision, which errs by more than an image does in a deep sum; and it has no
double kernel for windows. So beside every single-precision tensor that can have one stands a double one:
windows become matrix products of shifted maps, other operators take their double kernel, and what has none
computes on singles as ever. Tensors keep their names, as singles; `WIDE` behind a name is the double one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ..frontend.opset import opset_of
from ..frontend.simplify import rounded_products

WIDE = "/wide"
SINGLE, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
# The opset from which on ONNX Runtime has a double kernel for an operator.
DOUBLE_SINCE = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Sum", "Neg", "Abs", "Sqrt", "Exp", "Log", "Reciprocal"), 7),
    **dict.fromkeys(("Relu", "Sigmoid", "Tanh", "Softmax", "MatMul", "Gemm"), 7),
    **dict.fromkeys(("ReduceMean", "ReduceSum"), 7),
    **dict.fromkeys(("Concat", "Flatten", "Transpose", "Identity", "Reshape", "Squeeze", "Unsqueeze"), 7),
    **dict.fromkeys(("Max", "Min", "MaxPool"), 8),
    "Slice": 10,
    "Pad": 11,
    "Clip": 12,
}
WINDOWS = ("Conv", "ConvTranspose", "AveragePool")
NARROW_INPUTS = {"Reshape": 1, "Squeeze": 1, "Unsqueeze": 1}  # operators whose other inputs are no numbers


def precise(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its sums in double precision; its tensors have the names, types and shapes they had."""
    try:
        known = onnx.shape_inference.infer_shapes(model).graph
    except Exception:  # InferenceError and protobuf's own: ONNX Runtime will say what is wrong with the model
        return model
    exact = onnx.ModelProto()
    exact.CopyFrom(model)
    del exact.graph.node[:]
    writer = _Writer(exact.graph, opset_of(model), _types(known))
    rounded = rounded_products(model.graph)
    for node in model.graph.node:
        if rounded.intersection(node.output):  # its last bit may decide
            exact.graph.node.append(node)
        else:
            writer.visit(node)
    return exact


def _types(graph: onnx.GraphProto) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Element type and shape of every tensor; () for a shape that is not known in full."""
    found = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        sizes = tuple(dim.dim_value for dim in tensor.shape.dim)
        found[value.name] = tensor.elem_type, sizes if all(sizes) else ()
    for held in graph.initializer:
        found[held.name] = held.data_type, tuple(held.dims)
    return found


@dataclass(frozen=True, slots=True)
class _Axis:
    """A window along one axis: which input position each tap sees at each output position, -1 for none."""

    size: int
    taps: tuple[NDArray[np.int64], ...]


class _Writer:
    """The nodes of the precise model, while they are written. `wide`: tensors that have a double twin."""

    def __init__(
        self, graph: onnx.GraphProto, opset: int, types: Mapping[str, tuple[int, tuple[int, ...]]]
    ) -> None:
        self.graph, self.opset, self.types = graph, opset, types
        self.wide: set[str] = set()
        self.constants = {tensor.name: tensor for tensor in graph.initializer}

    def visit(self, node: onnx.NodeProto) -> None:
        """Writes a node, in double precision where that can be."""
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            self.constants[node.output[0]] = node.attribute[0].t
        if not (node.domain in ("", "ai.onnx") and self._is_single(node.output[0]) and self._rewrite(node)):
            self.graph.node.append(node)

    def _rewrite(self, node: onnx.NodeProto) -> bool:
        """Writes a node in double precision. False where that cannot be."""
        if node.op_type in WINDOWS:
            return self._window(node)
        if node.op_type == "GlobalAveragePool" and self.types[node.output[0]][1]:
            self._global_average(node)
            return True
        if self.opset < DOUBLE_SINCE.get(node.op_type, self.opset + 1) or len(node.output) != 1:
            return False
        self._double(node)
        return True

    def _is_single(self, name: str) -> bool:
        return bool(name) and self.types.get(name, (0, ()))[0] == SINGLE

    def _double(self, node: onnx.NodeProto) -> None:
        twin = onnx.NodeProto()
        twin.CopyFrom(node)
        count = NARROW_INPUTS.get(node.op_type, len(node.input))
        twin.input[:count] = [self._widened(name) for name in node.input[:count]]
        self._finish(twin, node.output[0])

    def _widened(self, name: str) -> str:
        """The double twin of a tensor, written now unless it stands there; other types as they are."""
        if not self._is_single(name):
            return name
        if name not in self.wide:
            self.wide.add(name)
            self._write("Cast", [name], f"{name}{WIDE}", to=DOUBLE)
        return f"{name}{WIDE}"

    def _finish(self, node: onnx.NodeProto, name: str) -> None:
        """Writes the node that makes a tensor's double twin, and the tensor itself as its rounding."""
        node.output[:] = [f"{name}{WIDE}"]
        self.graph.node.append(node)
        self.wide.add(name)
        self._write("Cast", [f"{name}{WIDE}"], name, to=SINGLE)

    def _write(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.graph.node.append(onnx.helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def _hold(self, name: str, array: NDArray[Any]) -> str:
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _global_average(self, node: onnx.NodeProto) -> None:
        """The mean of a map: a product with ones, which every opset says alike."""
        shape = self.types[node.input[0]][1]
        label, (batch, channels), area = node.output[0], shape[:2], int(np.prod(shape[2:]))
        flat = self._hold(f"{label}/flat", np.array([batch, channels, area]))
        ones = self._hold(f"{label}/ones", np.full((area, 1), 1 / area))
        maps = self._write("Reshape", [self._widened(node.input[0]), flat], f"{label}/maps")
        means = self._write("MatMul", [maps, ones], f"{label}/means")
        size = self._hold(f"{label}/size", np.array(self.types[label][1]))
        self._finish(onnx.helper.make_node("Reshape", [means, size], [label]), label)

    def _window(self, node: onnx.NodeProto) -> bool:
        """Writes a window as products of shifted maps. False where its sizes or weights are not known."""
        label, data = node.output[0], node.input[0]
        given, result = (self.types.get(name, (0, ()))[1] for name in (data, label))
        has_weights = node.op_type != "AveragePool"
        held = self.constants.get(node.input[1]) if has_weights else None
        if len(given) < 3 or len(result) != len(given) or (has_weights and held is None):
            return False
        said = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        weights = None if held is None else numpy_helper.to_array(held)
        kernel = tuple(said["kernel_shape"]) if weights is None else weights.shape[2:]
        by_tap = None if weights is None else weights.reshape(*weights.shape[:2], -1)
        axes = _axes(node.op_type, said, kernel, given[2:], result[2:])
        if axes is None:
            return False
        maps = self._bordered(self._widened(data), label, given, axes)
        groups = given[1] if weights is None else int(said.get("group", 1))
        each = given[1] // groups
        area = int(np.prod(result[2:]))
        flat = self._hold(f"{label}/flat", np.array([given[0], groups, each, area]))
        total = ""
        for index, tap in enumerate(product(*(range(size) for size in kernel))):
            seen = self._seen(maps, f"{label}/{index}", axes, tap)
            seen = self._write("Reshape", [seen, flat], f"{label}/{index}/flat")
            if by_tap is not None:
                matrix = _matrix(by_tap[:, :, index], groups, node.op_type == "ConvTranspose")
                factors = self._hold(f"{label}/{index}/weights", matrix)
                op, inputs = ("Mul", [seen, factors]) if each == 1 else ("MatMul", [factors, seen])
                seen = self._write(op, inputs, f"{label}/{index}/product")
            total = self._write("Add", [total, seen], f"{label}/{index}/sum") if total else seen
        size = self._hold(f"{label}/size", np.array(result))
        total = self._write("Reshape", [total, size], f"{label}/summed")
        if weights is None:
            share = self._hold(f"{label}/share", 1 / _counts(axes, said, kernel))
            self._finish(onnx.helper.make_node("Mul", [total, share], [label]), label)
        elif len(node.input) > 2 and node.input[2]:
            one = self._hold(f"{label}/one", np.array([1, -1, *(1 for _ in kernel)]))
            bias = self._write("Reshape", [self._widened(node.input[2]), one], f"{label}/bias")
            self._finish(onnx.helper.make_node("Add", [total, bias], [label]), label)
        else:
            self._finish(onnx.helper.make_node("Identity", [total], [label]), label)
        return True

    def _bordered(self, maps: str, label: str, given: Sequence[int], axes: Sequence[_Axis]) -> str:
        """The maps with a zero behind the last position of each axis, for taps that see nothing."""
        shape = list(given)
        for number, axis in enumerate(axes, start=2):
            if any((tap < 0).any() for tap in axis.taps):
                border = [*shape[:number], 1, *shape[number + 1 :]]
                zeros = self._hold(f"{label}/zeros{number}", np.zeros(border))
                maps = self._write("Concat", [maps, zeros], f"{label}/bordered{number}", axis=number)
                shape[number] += 1
        return maps

    def _seen(self, maps: str, label: str, axes: Sequence[_Axis], tap: Sequence[int]) -> str:
        """What one tap of a window sees at every output position."""
        for number, (axis, place) in enumerate(zip(axes, tap, strict=True), start=2):
            sees = np.where(axis.taps[place] < 0, axis.size, axis.taps[place])
            index = self._hold(f"{label}/at{number}", sees)
            maps = self._write("Gather", [maps, index], f"{label}/seen{number}", axis=number)
        return maps


def _axes(
    op: str, said: Mapping[str, Any], kernel: Sequence[int], given: Sequence[int], result: Sequence[int]
) -> list[_Axis] | None:
    """The windows along each axis; None for paddings that the operator leaves to whoever computes it."""
    rank = len(kernel)
    auto = said.get("auto_pad", b"NOTSET")
    strides, dilations = (said.get(name) or [1] * rank for name in ("strides", "dilations"))
    pads = said.get("pads") or [0] * 2 * rank
    if auto not in (b"NOTSET", b"VALID") or (auto == b"VALID" and any(pads)):
        return None
    if said.get("output_shape") and not said.get("pads"):
        return None
    if said.get("count_include_pad", 0) and said.get("ceil_mode", 0):
        return None
    place: Callable[[NDArray[np.int64], int, int, int], NDArray[np.int64]]
    place = _spread if op == "ConvTranspose" else _strided
    axes = []
    for axis in range(rank):
        where = np.arange(result[axis], dtype=np.int64)
        taps = tuple(
            _within(place(where, strides[axis], pads[axis], tap * dilations[axis]), given[axis])
            for tap in range(kernel[axis])
        )
        axes.append(_Axis(given[axis], taps))
    return axes


def _strided(where: NDArray[np.int64], stride: int, pad: int, reach: int) -> NDArray[np.int64]:
    """The position that a tap of a convolution sees."""
    return where * stride - pad + reach


def _spread(where: NDArray[np.int64], stride: int, pad: int, reach: int) -> NDArray[np.int64]:
    """The position from which a tap of a transposed convolution reaches an output, -1 where none does."""
    steps = where + pad - reach
    return np.where(steps % stride == 0, steps // stride, -1)


def _within(places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.where((places >= 0) & (places < size), places, -1)


def _matrix(weights: NDArray[Any], groups: int, is_transposed: bool) -> NDArray[np.float64]:
    """One tap's weights as [group, output, input]."""
    split = weights.astype(np.float64).reshape(groups, -1, weights.shape[1])
    return split.transpose(0, 2, 1) if is_transposed else split


def _counts(axes: Sequence[_Axis], said: Mapping[str, Any], kernel: Sequence[int]) -> NDArray[np.float64]:
    """By how many positions an average divides, at each place of the output."""
    if said.get("count_include_pad", 0):
        return np.full((1, 1, *(1 for _ in kernel)), float(np.prod(kernel)))
    counts = np.ones((1, 1), dtype=np.float64)
    for axis in axes:
        counts = counts[..., None] * np.sum([tap >= 0 for tap in axis.taps], axis=0)
    return counts
