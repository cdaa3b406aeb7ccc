"""What the oracle reads off a model: opset, shapes, constants, attributes with the operator's defaults."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Values = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Shape = tuple[int, ...]
Source = tuple[str, int]  # the tensor, the flat index in it
Synapses = dict[tuple[Source, int], float]  # (source, flat index in the output): weight


@dataclass(frozen=True, slots=True)
class Reading:
    """A model with static shapes, looked up by tensor name."""

    opset: int
    nodes: tuple[onnx.NodeProto, ...]
    shapes: dict[str, Shape]
    constants: dict[str, npt.NDArray[np.generic]]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> "Reading":
        """The reading of a model, every shape inferred by ONNX."""
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
        shapes = {
            info.name: tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
            for info in (*graph.input, *graph.value_info, *graph.output)
        }
        constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        shapes.update({name: values.shape for name, values in constants.items()})
        opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
        return cls(opset, tuple(model.graph.node), shapes, constants)

    def values(self, tensor: str) -> Values:
        """A constant tensor of floats."""
        return self.constants[tensor].astype(np.float32)

    def integers(self, node: onnx.NodeProto, position: int, attribute: str) -> list[int]:
        """A list that newer opsets take as an input and older ones as an attribute; empty where absent."""
        if len(node.input) > position and node.input[position]:
            return [int(each) for each in self.constants[node.input[position]].astype(np.int64)]
        return ints(node, attribute)


def _attribute(node: onnx.NodeProto, name: str) -> onnx.AttributeProto | None:
    return next((each for each in node.attribute if each.name == name), None)


def ints(node: onnx.NodeProto, name: str, default: Sequence[int] = ()) -> list[int]:
    """An attribute that is a list of integers."""
    found = _attribute(node, name)
    return list(default) if found is None else [int(each) for each in found.ints]


def integer(node: onnx.NodeProto, name: str, default: int) -> int:
    """An attribute that is an integer."""
    found = _attribute(node, name)
    return default if found is None else int(found.i)


def number(node: onnx.NodeProto, name: str, default: float) -> float:
    """An attribute that is a float."""
    found = _attribute(node, name)
    return default if found is None else float(found.f)


def text(node: onnx.NodeProto, name: str, default: str) -> str:
    """An attribute that is a string."""
    found = _attribute(node, name)
    return default if found is None else str(helper.get_attribute_value(found), "utf-8")


def flat(shape: Shape, *index: int) -> int:
    """The position of an element in its tensor, row by row."""
    position = 0
    for size, each in zip(shape, index, strict=True):
        position = position * size + each
    return position
