"""Quantised models in their float form: dequantised weights, and activations that are not rounded.

A QuantizeLinear and the DequantizeLinear behind it leave a float network; views between them carry floats
instead of integers. What they do at the ends of a model stays: the types of inputs and outputs are its own.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ...ir.errors import BadInput, Origin

QUANTISE, DEQUANTISE = "QuantizeLinear", "DequantizeLinear"
NOTE = (
    "the model is quantised and was compiled in its float form: weights are dequantised, the rounding of "
    "activations is left out; there is no integer mode yet"
)
# Between a QuantizeLinear and its DequantizeLinear these mean the same for integers and for floats.
CARRIERS = (
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Identity",
    "Slice",
    "Gather",
    "MaxPool",
)
# Behind these a range that begins at zero stands for a Relu or a Clip that the quantiser has removed.
LINEAR = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Sub", "BatchNormalization")


def is_quantised(model: onnx.ModelProto) -> bool:
    """Whether a model rounds its tensors."""
    return any(node.op_type in (QUANTISE, DEQUANTISE) for node in model.graph.node)


def float_form(model: onnx.ModelProto, file: str = "") -> onnx.ModelProto:
    """The float form of a quantised model; the same model when nothing in it is quantised. Raises BadInput
    where a zero point is no integer.
    """
    if not is_quantised(model):
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    rewriting = _Rewriting(found.graph, file)
    nodes = [made for node in model.graph.node for made in rewriting.visit(node)]
    del found.graph.node[:]
    found.graph.node.extend(_alive(nodes, {output.name for output in found.graph.output}))
    del found.graph.value_info[:]
    return found


class _Rewriting:
    """The nodes as they are rewritten, in order. `real`: the float tensor behind a quantised one."""

    def __init__(self, graph: onnx.GraphProto, file: str) -> None:
        self.graph, self.file = graph, file
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.real: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self.makers: dict[str, str] = {}
        self.outputs = {output.name for output in graph.output}

    def visit(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """What stands in a node's place: itself, and the float twin of what carries integers."""
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        kept.input[:] = [self.renamed.get(name, name) for name in node.input]
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            self.constants[node.output[0]] = node.attribute[0].t
        elif node.op_type in (QUANTISE, DEQUANTISE) and self._fold(kept):
            return
        elif node.op_type == QUANTISE:
            yield from self._quantise(kept)
        elif node.op_type == DEQUANTISE and node.input[0] in self.real:
            source = self.real[node.input[0]]
            if node.output[0] in self.outputs:
                yield onnx.helper.make_node("Identity", [source], [node.output[0]], name=node.name)
            self.renamed[node.output[0]] = source
            return
        elif node.op_type in CARRIERS and node.input[0] in self.real:
            twin = onnx.NodeProto()
            twin.CopyFrom(kept)
            twin.input[0] = self.real[node.input[0]]
            twin.output[:] = [f"{name}:float" for name in node.output]
            twin.name = f"{node.name}:float" if node.name else ""
            self.real.update(zip(node.output, twin.output, strict=True))
            yield twin
        for name in node.output:
            self.makers[name] = node.op_type
        yield kept

    def _fold(self, node: onnx.NodeProto) -> bool:
        """Computes a node of constants. False where it is none, or quantises by blocks."""
        if any(name and name not in self.constants for name in node.input) or len(node.input) < 2:
            return False
        if any(attribute.name == "block_size" and attribute.i for attribute in node.attribute):
            return False
        value, scale = (self._constant(name) for name in node.input[:2])
        zero = self._constant(node.input[2]) if _input(node, 2) else np.zeros((), dtype=np.uint8)
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        scale, offset = (_along(array.astype(np.float32), axis, value.ndim) for array in (scale, zero))
        if node.op_type == DEQUANTISE:
            array = (value.astype(np.float32) - offset) * scale
        else:
            low, high = self._range(zero, node)
            array = np.clip(np.rint(value / scale) + offset, low, high).astype(zero.dtype)
        tensor = numpy_helper.from_array(np.asarray(array), node.output[0])
        self.constants[node.output[0]] = tensor
        self.graph.initializer.append(tensor)
        return True

    def _quantise(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Notes what a quantised tensor stands for; a removed Relu or Clip comes back."""
        source, result = node.input[0], node.output[0]
        self.real[result] = source
        names = [name for name in node.input[1:] if name]
        if self.makers.get(source) not in LINEAR or any(name not in self.constants for name in names):
            return
        zero = self._constant(names[1]) if len(names) > 1 else np.zeros((), dtype=np.uint8)
        low, high = self._range(zero, node)
        if zero.size != 1 or float(zero.ravel()[0]) != low:
            return
        bounds = (0.0, (high - low) * float(self._constant(names[0]).ravel()[0]))
        clipped = f"{result}:clipped"
        for label, value in zip(("min", "max"), bounds, strict=True):
            name = f"{clipped}:{label}"
            self.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
        self.real[result] = clipped
        inputs = [source, f"{clipped}:min", f"{clipped}:max"]
        yield onnx.helper.make_node("Clip", inputs, [clipped], name=f"{node.name}:clip" if node.name else "")

    def _range(self, zero: NDArray[Any], node: onnx.NodeProto) -> tuple[int, int]:
        """The least and the largest integer of a zero point's type."""
        if zero.dtype.kind not in "iu":
            raise BadInput(
                Origin(file=self.file, node=node.name, operator=node.op_type, output=node.output[0]),
                f"its zero point is of type {zero.dtype}, which is no integer",
                hint="quantise to int8 or uint8",
            )
        info = np.iinfo(zero.dtype)
        return int(info.min), int(info.max)

    def _constant(self, name: str) -> NDArray[Any]:
        return numpy_helper.to_array(self.constants[name])


def _input(node: onnx.NodeProto, index: int) -> str:
    return node.input[index] if index < len(node.input) else ""


def _along(array: NDArray[np.float32], axis: int, rank: int) -> NDArray[np.float32]:
    """A scale or zero point, one for all or one for each position of an axis, in a shape that broadcasts."""
    if array.size == 1:
        return array.reshape(())
    return array.reshape([-1 if a == axis % rank else 1 for a in range(rank)])


def _alive(nodes: list[onnx.NodeProto], needed: set[str]) -> list[onnx.NodeProto]:
    """The nodes that an output depends on."""
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed = needed | set(node.input)
    return kept[::-1]
