"""Networks of quantised layers, drawn at random."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .small import Array

Shape = tuple[int, ...]
SCALES = (0.1, 0.05, 0.031, 0.02, 0.007)
TYPES: tuple[Any, ...] = (np.int8, np.uint8)
NEURONS_MAX = 400  # of a map that is enlarged


class Drawing:
    """A network as it is drawn: each layer reads dequantised tensors, and its result is quantised again."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.held: list[onnx.TensorProto] = []
        self.shapes: dict[str, Shape] = {}
        self.scales: dict[str, np.float32] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node; gives its result."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def hold(self, value: Any) -> str:
        """A constant."""
        name = f"c{len(self.held)}"
        self.held.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def quantised(self, tensor: str, shape: Shape) -> str:
        """A tensor, quantised with a scale and a zero point that are drawn, and dequantised."""
        kind = TYPES[self.random.integers(2)]
        scale = np.float32(self.random.choice(SCALES))
        zero = kind(self.random.integers(np.iinfo(kind).min, np.iinfo(kind).max, endpoint=True))
        said = self.hold(scale), self.hold(zero)
        found = self.add("DequantizeLinear", self.add("QuantizeLinear", tensor, *said), *said)
        self.shapes[found], self.scales[found] = shape, scale
        return found

    def weights(self, shape: Shape, axis: int = 0) -> tuple[str, Array]:
        """Weights with one scale, or one for each output channel; and the scale."""
        kind = TYPES[self.random.integers(2)]
        by_channel = bool(self.random.integers(2))
        count = shape[axis] if by_channel else 1
        scale = self.random.uniform(0.001, 0.01, count).astype(np.float32)
        middle = 0 if kind is np.int8 else 128
        zero = np.full(count, middle + self.random.integers(-3, 4), kind)
        info = np.iinfo(kind)
        value = self.random.integers(info.min, info.max, shape, endpoint=True).astype(kind)
        if not by_channel:
            scale, zero = scale.reshape(()), zero.reshape(())
        said = self.hold(value), self.hold(scale), self.hold(zero)
        return self.add("DequantizeLinear", *said, **({"axis": axis} if by_channel else {})), scale

    def bias(self, data: str, scale: Array, count: int) -> str:
        """A bias, of as many bits as there may be."""
        most = int(self.random.choice([3000, 2**30]))
        value = self.random.integers(-most, most, count).astype(np.int32)
        both = np.asarray(self.scales[data] * scale, np.float32)
        said = self.hold(value), self.hold(both), self.hold(np.zeros(both.shape, np.int32))
        return self.add("DequantizeLinear", *said, **({"axis": 0} if both.ndim else {}))

    def like(self, data: str) -> str:
        """Another tensor of that shape, or the same one with another scale."""
        found = [name for name, shape in self.shapes.items() if shape == self.shapes[data] and name != data]
        return found[self.random.integers(len(found))] if found else self.quantised(data, self.shapes[data])


Layer = Callable[[Drawing, str], tuple[str, Shape]]


def conv(d: Drawing, data: str) -> tuple[str, Shape]:
    _, depth, *sizes = d.shapes[data]
    size, pad, stride = (int(d.random.integers(*ends)) for ends in ((1, 4), (0, 2), (1, 5)))
    size = min(size, *sizes)
    groups = depth if d.random.integers(3) == 0 else 1
    count = depth if groups > 1 else int(d.random.integers(1, 9))
    weights, scale = d.weights((count, depth // groups, size, size))
    biases = [d.bias(data, scale, count)] if d.random.integers(2) else []
    made = d.add("Conv", data, weights, *biases, pads=[pad] * 4, strides=[stride] * 2, group=groups)
    chosen = d.random.integers(4)
    if chosen == 0:
        made = d.add("Relu", made)
    elif chosen == 1:
        made = d.add("Clip", made, d.hold(np.float32(0)), d.hold(np.float32(6)))
    return made, (1, count, *((n + 2 * pad - size) // stride + 1 for n in sizes))


def transposed(d: Drawing, data: str) -> tuple[str, Shape]:
    _, depth, height, width = d.shapes[data]
    weights = d.weights((depth, 3, 2, 2), 1)[0]
    return d.add("ConvTranspose", data, weights, strides=[2, 2]), (1, 3, 2 * height, 2 * width)


def joined(d: Drawing, data: str) -> tuple[str, Shape]:
    operator = str(d.random.choice(["Add", "Mul", "Sub", "Concat"]))
    other, (_, depth, *sizes) = d.like(data), d.shapes[data]
    attributes = {"axis": 1} if operator == "Concat" else {}
    return d.add(operator, data, other, **attributes), (1, depth * (1 + len(attributes)), *sizes)


def pooled(d: Drawing, data: str) -> tuple[str, Shape]:
    _, depth, height, width = d.shapes[data]
    if min(height, width) < 2:
        return d.add("GlobalAveragePool", data), (1, depth, 1, 1)
    operator = str(d.random.choice(["MaxPool", "AveragePool"]))
    made = d.add(operator, data, kernel_shape=[2, 2], strides=[2, 1])
    return made, (1, depth, height // 2, width - 1)


def function(d: Drawing, data: str) -> tuple[str, Shape]:
    operator = str(d.random.choice(["LeakyRelu", "Sigmoid", "Relu", "Tanh", "HardSigmoid"]))
    return d.add(operator, data), d.shapes[data]


def view(d: Drawing, data: str) -> tuple[str, Shape]:
    _, depth, height, width = d.shapes[data]
    if depth * height * width > NEURONS_MAX or d.random.integers(2):
        return d.add("Transpose", data, perm=[0, 1, 3, 2]), (1, depth, width, height)
    scales = d.hold(np.array([1, 1, 2, 2], np.float32))
    made = d.add("Resize", data, "", scales, mode="nearest")
    return made, (1, depth, 2 * height, 2 * width)


LAYERS: tuple[Layer, ...] = (conv, conv, conv, transposed, joined, joined, pooled, function, view)


def drawn(seed: int) -> tuple[onnx.ModelProto, Shape]:
    """A network, and the shape of its input x."""
    d = Drawing(seed)
    depth, height, width = (int(d.random.integers(*ends)) for ends in ((1, 6), (3, 9), (3, 9)))
    shape = 1, depth, height, width
    data = d.quantised("x", shape)
    for _ in range(int(d.random.integers(2, 7))):
        layer = LAYERS[d.random.integers(len(LAYERS))]
        if layer is transposed and np.prod(d.shapes[data]) > NEURONS_MAX:
            continue
        data = d.quantised(*layer(d, data))
    flat = d.add("Flatten", data)
    weights = d.weights((int(np.prod(d.shapes[data])), 5), 1)[0]
    result = d.quantised(d.add("MatMul", flat, weights), (1, 5))
    graph = helper.make_graph(
        d.nodes,
        "drawn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, (1, 5))],
        d.held,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), shape
