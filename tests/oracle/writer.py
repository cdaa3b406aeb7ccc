"""A writer of small ONNX models: every node is shaped by ONNX's own inference as it is added."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Array = npt.NDArray[np.float32] | npt.NDArray[np.int64]
Attribute = int | float | str | Sequence[int] | Sequence[float]

OLDEST_OPSET = 7
NEWEST_OPSET = 26  # the newest that ONNX Runtime 1.31 loads
# The first IR version that allows the opset; below 4, initializers must be graph inputs as well.
_IR_VERSIONS = (
    (25, 13),
    (24, 12),
    (23, 11),
    (21, 10),
    (19, 9),
    (15, 8),
    (12, 7),
    (11, 6),
    (10, 5),
    (9, 4),
    (7, 3),
)
_ZERO_SHARE = 0.1  # of the trained weights: a synapse with weight zero is a synapse all the same
_GAIN = 1.2  # above one, so that squashing and pooling do not fade the activations out


class Writer:
    """One graph while it is built. Tensors are names; their shapes are known at once."""

    def __init__(self, opset: int, seed: int | Sequence[int]) -> None:
        self.opset = opset
        self.rng = np.random.default_rng(seed)
        self._ir = next(ir for first, ir in _IR_VERSIONS if opset >= first)
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._constants: dict[str, onnx.TensorProto] = {}
        self._types: dict[str, onnx.TypeProto] = {}
        self._count = 0

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The static shape of a tensor, batch included."""
        return tuple(dim.dim_value for dim in self._types[tensor].tensor_type.shape.dim)

    def input(self, shape: Sequence[int]) -> str:
        """A further input of the model; `shape` includes the batch of one."""
        name = f"input{len(self._inputs)}"
        info = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(shape))
        self._inputs.append(info)
        self._types[name] = info.type
        return name

    def constant(self, values: Array, *, as_node: bool = False) -> str:
        """A tensor that holds `values`: an initializer, or the output of a Constant node."""
        name = self._fresh("constant")
        tensor = numpy_helper.from_array(values, name)
        self._constants[name] = tensor
        self._types[name] = helper.make_tensor_type_proto(tensor.data_type, values.shape)
        if as_node:
            self._nodes.append(helper.make_node("Constant", [], [name], name=name, value=tensor))
        else:
            self._initializers[name] = tensor
        return name

    def integers(self, values: Sequence[int]) -> str:
        """A constant list of integers: shapes, axes, sizes."""
        return self.constant(np.array(values, np.int64))

    def weights(self, shape: Sequence[int], fan_in: int) -> str:
        """Trained weights of both signs, a few exactly zero, that keep the activations at order one."""
        values = self.rng.normal(0, _GAIN / math.sqrt(fan_in), tuple(shape))
        values[self.rng.random(tuple(shape)) < _ZERO_SHARE] = 0
        return self.constant(values.astype(np.float32), as_node=bool(self.rng.random() < 0.1))

    def bias(self, *shape: int) -> str:
        """Trained biases of both signs."""
        return self.constant(self.rng.normal(0, 0.4, shape).astype(np.float32))

    def add(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """The output of a new node; an empty name stands for an absent input."""
        return self.add_many(operator, inputs, 1, **attributes)[0]

    def add_many(
        self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Attribute
    ) -> list[str]:
        """All outputs of a new node."""
        names = [self._fresh(operator.lower()) for _ in range(outputs)]
        node = helper.make_node(operator, list(inputs), names, name=f"node_{names[0]}")
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        types = onnx.shape_inference.infer_node_outputs(
            onnx.defs.get_schema(operator, self.opset, ""),
            node,
            {name: self._types[name] for name in inputs if name},
            {name: self._constants[name] for name in inputs if name in self._constants},
            opset_imports=[helper.make_opsetid("", self.opset)],
            ir_version=self._ir,
        )
        for name in names:
            self._types[name] = types[name]
            if not all(dim.dim_value > 0 for dim in types[name].tensor_type.shape.dim):
                raise ValueError(f"{operator} gives {name} no static shape: {node}")
        self._nodes.append(node)
        return names

    def model(self, outputs: Sequence[str], name: str) -> onnx.ModelProto:
        """The checked model with these outputs."""
        inputs = list(self._inputs)
        if self._ir < 4:
            inputs += [helper.make_value_info(each, self._types[each]) for each in self._initializers]
        graph = helper.make_graph(
            self._nodes,
            name,
            inputs,
            [helper.make_value_info(each, self._types[each]) for each in outputs],
            list(self._initializers.values()),
        )
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self._ir, producer_name="oracle")
        onnx.checker.check_model(model, full_check=True)
        return model

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"
