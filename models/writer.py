"""A writer of ONNX graphs: static shapes, batch 1, parameters given as arrays. It knows no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..ir.errors import BadInput, Origin

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
IR_VERSION = 8  # the one that came with opset 17
NO_PADS = (0, 0, 0, 0)

Array = npt.NDArray[np.float32]
Pads = tuple[int, int, int, int]  # top, left, bottom, right, as in ONNX


class Parameters(NamedTuple):
    """Weights [depth, source depth / groups, height, width] or [depth, source depth], and biases [depth]."""

    weights: Array
    biases: Array


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the graph, batch included in its shape."""

    name: str
    shape: tuple[int, ...]


def same_pads(source: Tensor, kernel: int, stride: int) -> Pads:
    """TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel of padding below and to the right."""
    totals = [max(0, (-(-size // stride) - 1) * stride + kernel - size) for size in source.shape[2:]]
    top, left = (total // 2 for total in totals)
    return top, left, totals[0] - top, totals[1] - left


class Writer:
    """One graph while it is built. A node, and the tensor it computes, have the name they are added under."""

    def __init__(self, name: str, source: Sequence[int], input_name: str = "image") -> None:
        from onnx import GraphProto, TensorProto, helper

        self.source = Tensor(input_name, (1, *source))
        info = helper.make_tensor_value_info(input_name, TensorProto.FLOAT, self.source.shape)
        self._graph = GraphProto(name=name, input=[info])

    def conv(
        self,
        name: str,
        source: Tensor,
        parameters: Parameters,
        *,
        stride: int = 1,
        pads: Pads = NO_PADS,
        groups: int = 1,
    ) -> Tensor:
        """A convolution with biases."""
        depth, slice_depth, *kernel = parameters.weights.shape
        assert (slice_depth * groups, depth) == (source.shape[1], len(parameters.biases)), name
        size = self._windows(name, "Conv", source, kernel, stride, pads)
        inputs = [source.name, *self._initializers(name, parameters)]
        shape = (1, depth, *size)
        return self._add(
            "Conv",
            name,
            inputs,
            shape,
            kernel_shape=kernel,
            strides=[stride, stride],
            pads=pads,
            group=groups,
        )

    def dense(self, name: str, source: Tensor, parameters: Parameters) -> Tensor:
        """A fully connected layer with biases."""
        depth, source_depth = parameters.weights.shape
        assert (source.shape, depth) == ((1, source_depth), len(parameters.biases)), name
        inputs = [source.name, *self._initializers(name, parameters)]
        return self._add("Gemm", name, inputs, (1, depth), transB=1)

    def max_pool(
        self, name: str, source: Tensor, kernel: int, *, stride: int, pads: Pads = NO_PADS
    ) -> Tensor:
        """The maximum of every window."""
        return self._pool("MaxPool", name, source, kernel, stride, pads)

    def average_pool(
        self, name: str, source: Tensor, kernel: int, *, stride: int, pads: Pads = NO_PADS
    ) -> Tensor:
        """The mean of every window, without the padding in it."""
        return self._pool("AveragePool", name, source, kernel, stride, pads)

    def global_average_pool(self, name: str, source: Tensor) -> Tensor:
        """The mean of every channel."""
        return self._add("GlobalAveragePool", name, [source.name], (1, source.shape[1], 1, 1))

    def relu(self, name: str, source: Tensor) -> Tensor:
        """max(0, x)."""
        return self._add("Relu", name, [source.name], source.shape)

    def relu6(self, name: str, source: Tensor) -> Tensor:
        """min(max(0, x), 6): a Clip."""
        low, high = (np.array(bound, np.float32) for bound in (0, 6))
        bounds = [self._initializer(f"{name}.low", low), self._initializer(f"{name}.high", high)]
        return self._add("Clip", name, [source.name, *bounds], source.shape)

    def leaky_relu(self, name: str, source: Tensor, slope: float) -> Tensor:
        """x, times the slope where it is negative."""
        return self._add("LeakyRelu", name, [source.name], source.shape, alpha=slope)

    def add(self, name: str, first: Tensor, second: Tensor) -> Tensor:
        """The sum of two tensors of one shape."""
        assert first.shape == second.shape, name
        return self._add("Add", name, [first.name, second.name], first.shape)

    def flatten(self, name: str, source: Tensor) -> Tensor:
        """The channels after each other, each row by row."""
        return self._add("Flatten", name, [source.name], (1, int(np.prod(source.shape))), axis=1)

    def model(self, *outputs: Tensor) -> "ModelProto":
        """The checked model with these outputs."""
        from onnx import TensorProto, checker, helper

        self._graph.output.extend(
            helper.make_tensor_value_info(output.name, TensorProto.FLOAT, output.shape) for output in outputs
        )
        model = helper.make_model(
            self._graph,
            producer_name="snc",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        checker.check_model(model)
        return model

    def _pool(self, operator: str, name: str, source: Tensor, kernel: int, stride: int, pads: Pads) -> Tensor:
        sides = [kernel, kernel]
        size = self._windows(name, operator, source, sides, stride, pads)
        return self._add(
            operator,
            name,
            [source.name],
            (*source.shape[:2], *size),
            kernel_shape=sides,
            strides=[stride, stride],
            pads=pads,
        )

    def _windows(
        self, name: str, operator: str, source: Tensor, kernel: Sequence[int], stride: int, pads: Pads
    ) -> tuple[int, int]:
        """How many windows lie along the height and the width."""
        height, width = source.shape[2:]
        rows = (height + pads[0] + pads[2] - kernel[0]) // stride + 1
        columns = (width + pads[1] + pads[3] - kernel[1]) // stride + 1
        if min(rows, columns) < 1:
            raise BadInput(
                Origin(file=self._graph.name, node=name, operator=operator),
                f"a kernel of {kernel[0]} x {kernel[1]} finds only {height} x {width} pixels",
                hint=f"build it for a larger input than {self.source.shape[2]} x {self.source.shape[3]}",
            )
        return rows, columns

    def _initializers(self, name: str, parameters: Parameters) -> list[str]:
        return [
            self._initializer(f"{name}.weights", parameters.weights),
            self._initializer(f"{name}.biases", parameters.biases),
        ]

    def _initializer(self, name: str, values: Array) -> str:
        from onnx import numpy_helper

        self._graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def _add(
        self,
        operator: str,
        name: str,
        inputs: Sequence[str],
        shape: tuple[int, ...],
        **attributes: int | float | Sequence[int],
    ) -> Tensor:
        from onnx import helper

        node = helper.make_node(operator, inputs, [name], name=name)
        node.attribute.extend(helper.make_attribute(*attribute) for attribute in sorted(attributes.items()))
        self._graph.node.append(node)
        return Tensor(name, shape)
