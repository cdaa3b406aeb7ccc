"""A quantised ONNX model (QuantizeLinear and DequantizeLinear around its operators) as a TFLite file.

    python benchmarks/tflite.py model.onnx model.tflite

For comparisons with compilers that read nothing else: the same weights, biases, scales and zero points, for
models of convolutions, poolings, sums, one dense layer and Softmax. Feature maps are in TFLite's order.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

# Numbers of the schema of TFLite: operators, the tables of their options, types of tensors.
ADD, AVERAGE_POOL, CONV, DEPTHWISE, DENSE, RESHAPE, SOFTMAX = 0, 1, 3, 4, 9, 22, 25
OPTIONS = {ADD: 11, AVERAGE_POOL: 5, CONV: 1, DEPTHWISE: 2, DENSE: 8, RESHAPE: 17, SOFTMAX: 9}
TYPES = {"int32": 2, "int8": 9}
RELU = 1
SCHEMA_VERSION = 3
Slots = Sequence[tuple[int, str, float]]  # of a table: field, type, value


@dataclass(frozen=True)
class Scale:
    """How numbers stand for values: one scale, or one for each index along an axis."""

    scale: NDArray[Any]
    zero: NDArray[Any]
    axis: int = 0


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file; `data`: of a constant."""

    name: str
    shape: tuple[int, ...]
    kind: str
    scale: Scale | None
    data: NDArray[Any] | None = None


@dataclass
class Graph:
    """Tensors and operators in order."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[tuple[int, list[int], int, Slots]] = field(default_factory=list)

    def tensor(self, tensor: Tensor) -> int:
        """The number of a tensor, a new one or one that is there."""
        for index, known in enumerate(self.tensors):
            if known.name == tensor.name:
                return index
        self.tensors.append(tensor)
        return len(self.tensors) - 1


class Converter:
    """A model while it is converted."""

    def __init__(self, model: onnx.ModelProto) -> None:
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 1
        inferred = onnx.shape_inference.infer_shapes(model).graph
        self.graph, self.made = model.graph, Graph()
        self.held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.makers = {name: node for node in model.graph.node for name in node.output}
        self.shapes = {
            value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
            for value in (*inferred.value_info, *inferred.input, *inferred.output)
        }

    def bytes(self) -> bytes:
        """The file."""
        inputs = [self.activation(value.name) for value in self.graph.input]
        for node in self.graph.node:
            if node.op_type == "QuantizeLinear":
                self.operator(node)
        outputs = [self.activation(value.name) for value in self.graph.output]
        return written(self.made, inputs, outputs)

    def operator(self, end: onnx.NodeProto) -> None:
        """The float operators that end in a QuantizeLinear, as one of TFLite."""
        node, relu, bias = self.makers[end.input[0]], 0, None
        if node.op_type == "Relu":
            node, relu = self.makers[node.input[0]], RELU
        if node.op_type == "Add" and self.maker(node.input[0]) == "MatMul":
            node, bias = self.makers[node.input[0]], node.input[1]
        if node.op_type in ("Transpose", "DequantizeLinear"):
            return
        output = self.activation(end.output[0])
        source = self.activation(self.makers[node.input[0]].input[0])
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        stride_y, stride_x = attributes.get("strides", (1, 1))
        is_valid = int(not any(attributes.get("pads", ())))
        window = [(0, "Int8", is_valid), (1, "Int32", stride_x), (2, "Int32", stride_y)]
        match node.op_type:
            case "Conv":
                code, inputs, options = self.convolution(node, attributes, window, relu)
            case "AveragePool":
                height, width = attributes["kernel_shape"]
                code, inputs = AVERAGE_POOL, []
                options = [*window, (3, "Int32", width), (4, "Int32", height)]
            case "MatMul":
                assert bias is not None, "with a bias behind it"
                weights = self.weights(node.input[1], lambda array: array.T, 0)
                code, inputs, options = DENSE, [weights, self.bias(bias)], [(0, "Int8", relu)]
            case "Add":
                other = self.activation(self.makers[node.input[1]].input[0])
                code, inputs, options = ADD, [other], [(0, "Int8", relu)]
            case "Softmax":
                code, inputs, options = SOFTMAX, [], [(0, "Float32", 1.0)]
            case other_type:
                raise NotImplementedError(other_type)
        self.made.operators.append((code, [source, *inputs], output, options))

    def convolution(
        self, node: onnx.NodeProto, attributes: dict[str, Any], window: Slots, relu: int
    ) -> tuple[int, list[int], Slots]:
        """Its code, weights and bias, and options."""
        if attributes.get("group", 1) == 1:
            weights = self.weights(node.input[1], lambda array: array.transpose(0, 2, 3, 1), 0)
            return CONV, [weights, self.bias(node.input[2])], [*window, (3, "Int8", relu)]
        weights = self.weights(node.input[1], lambda array: array.transpose(1, 2, 3, 0), 3)
        return DEPTHWISE, [weights, self.bias(node.input[2])], [*window, (3, "Int32", 1), (4, "Int8", relu)]

    def maker(self, name: str) -> str:
        """The operator that makes a tensor."""
        return self.makers[name].op_type if name in self.makers else ""

    def activation(self, name: str) -> int:
        """A feature map, through what moves it only."""
        node = self.makers.get(name)
        if node is not None and node.op_type == "Transpose":
            return self.activation(node.input[0])
        if node is not None and node.op_type == "QuantizeLinear" and self.maker(node.input[0]) == "Transpose":
            return self.activation(self.makers[self.makers[node.input[0]].input[0]].input[0])
        shape = self.shapes[name]
        is_input = any(value.name == name for value in self.graph.input)
        if len(shape) == 4 and not is_input:
            shape = shape[0], shape[2], shape[3], shape[1]
        index = self.made.tensor(Tensor(name, shape, "int8", self.scale_of(name)))
        if node is not None and node.op_type == "Reshape":
            source = self.activation(node.input[0])
            if (RESHAPE, [source], index, []) not in self.made.operators:
                self.made.operators.append((RESHAPE, [source], index, []))
        return index

    def scale_of(self, name: str) -> Scale:
        """The scale of a feature map, which whoever reads or makes it states."""
        for node in self.graph.node:
            if (node.op_type == "DequantizeLinear" and node.input[0] == name) or (
                node.op_type == "QuantizeLinear" and node.output[0] == name
            ):
                return Scale(self.held[node.input[1]].reshape(-1), self.held[node.input[2]].reshape(-1))
        return self.scale_of(next(n.output[0] for n in self.graph.node if name in n.input))

    def weights(self, name: str, ordered: Any, axis: int) -> int:
        """Constants behind a DequantizeLinear."""
        node = self.makers[name]
        scale, zero = (self.held[each].reshape(-1) for each in node.input[1:3])
        data = np.ascontiguousarray(ordered(self.held[node.input[0]]))
        return self.made.tensor(
            Tensor(node.input[0], data.shape, str(data.dtype), Scale(scale, zero, axis), data)
        )

    def bias(self, name: str) -> int:
        """Constants behind a DequantizeLinear."""
        return self.weights(name, lambda array: array, 0)


def written(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
    """The flatbuffer."""
    builder = flatbuffers.Builder(2**20)

    def vector(items: Sequence[int], width: int, prepend: str) -> int:
        builder.StartVector(width, len(items), width)
        for item in reversed(items):
            getattr(builder, prepend)(item)
        return int(builder.EndVector())

    def numbers(items: Iterable[int]) -> int:
        return vector([int(item) for item in items], 4, "PrependInt32")

    def tables(items: Sequence[int]) -> int:
        return vector(items, 4, "PrependUOffsetTRelative")

    def table(slots: Slots) -> int:
        builder.StartObject(8)
        for slot, kind, value in slots:
            if kind == "UOffsetTRelative":
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                getattr(builder, f"Prepend{kind}Slot")(slot, value, None)
        return int(builder.EndObject())

    def quantised(scale: Scale | None) -> int:
        if scale is None:
            return table([])
        zeros = np.broadcast_to(scale.zero, scale.scale.shape)
        parts = [
            (2, "UOffsetTRelative", builder.CreateNumpyVector(scale.scale.astype(np.float32))),
            (3, "UOffsetTRelative", builder.CreateNumpyVector(zeros.astype(np.int64))),
            (6, "Int32", scale.axis),
        ]
        return table(parts)

    buffers, tensors = [table([])], []
    for tensor in graph.tensors:
        number = 0
        if tensor.data is not None:
            data = builder.CreateNumpyVector(tensor.data.reshape(-1).view(np.uint8))
            number = len(buffers)
            buffers.append(table([(0, "UOffsetTRelative", data)]))
        shape, name, scale = numbers(tensor.shape), builder.CreateString(tensor.name), quantised(tensor.scale)
        parts = [(0, "UOffsetTRelative", shape), (1, "Int8", TYPES[tensor.kind]), (2, "Uint32", number)]
        tensors.append(table([*parts, (3, "UOffsetTRelative", name), (4, "UOffsetTRelative", scale)]))
    codes = sorted({code for code, *_ in graph.operators})
    operators = []
    for code, sources, target, options in graph.operators:
        made, read, wrote = table(options), numbers(sources), numbers([target])
        parts = [(0, "Uint32", codes.index(code)), (1, "UOffsetTRelative", read)]
        parts += [(2, "UOffsetTRelative", wrote), (3, "Uint8", OPTIONS[code]), (4, "UOffsetTRelative", made)]
        operators.append(table(parts))
    lists = [tables(tensors), numbers(inputs), numbers(outputs), tables(operators)]
    subgraph = table([(slot, "UOffsetTRelative", each) for slot, each in enumerate(lists)])
    kinds = tables([table([(0, "Int8", code), (2, "Int32", 1), (3, "Int32", code)]) for code in codes])
    subgraphs, held = tables([subgraph]), tables(buffers)
    parts = [
        (0, "Uint32", SCHEMA_VERSION),
        (1, "UOffsetTRelative", kinds),
        (2, "UOffsetTRelative", subgraphs),
    ]
    builder.Finish(table([*parts, (4, "UOffsetTRelative", held)]), file_identifier=b"TFL3")
    return bytes(builder.Output())


def convert(model: Path, target: Path) -> None:
    """Writes the model as TFLite."""
    target.write_bytes(Converter(onnx.load(model)).bytes())


def main() -> None:
    """One model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("target", type=Path)
    chosen = parser.parse_args()
    convert(chosen.model, chosen.target)


if __name__ == "__main__":
    main()
