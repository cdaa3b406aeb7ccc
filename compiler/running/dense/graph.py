"""An ONNX graph in the making: nodes by what they compute, initializers by what they hold, each made once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
INLINE_MAX = 1024  # bytes of an initializer that stands in the model itself

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Size:
    """Channels, rows and columns of a tensor of the graph; the batch comes before them."""

    depth: int
    height: int
    width: int

    @property
    def count(self) -> int:
        """How many numbers."""
        return self.depth * self.height * self.width


@dataclass(slots=True)
class Graph:
    """Nodes and initializers so far. What is asked for a second time is what was made the first time."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    held: dict[str, Array] = field(default_factory=dict)
    known: dict[object, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """The name of an initializer."""
        array = np.ascontiguousarray(values, dtype=dtype)
        key = array.shape, array.dtype.str, hash(array.tobytes())
        name = self.known.get(key)
        if name is None or not np.array_equal(self.held[name], array):
            name = f"c{len(self.held)}"
            self.held[name] = array
            self.known[key] = name
        return name

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """The name of what a node gives."""
        key = operator, tuple(inputs), repr(sorted(attributes.items()))
        if key not in self.known:
            name = f"n{len(self.nodes)}"
            self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
            self.known[key] = name
        return self.known[key]

    def name(self, tensor: str, name: str) -> None:
        """What a node gives is called this, from now on."""
        if tensor in self.held or tensor in self.names or not any(tensor in n.output for n in self.nodes):
            tensor = self.node("Identity", [tensor], name=name)
        self.names[tensor] = name

    def called(self) -> list[tuple[list[str], list[str]]]:
        """What each node gives and what it reads, by the names that these are called."""
        names = self.names
        return [
            ([names.get(name, name) for name in node.output], [names.get(name, name) for name in node.input])
            for node in self.nodes
        ]

    def varying(self, inputs: Collection[str]) -> set[str]:
        """The tensors that are made of some others, and these."""
        found = set(inputs)
        for made, heard in self.called():
            if not found.isdisjoint(heard):
                found.update(made)
        return found

    def part(self, outputs: Collection[str], known: Collection[str]) -> tuple["Graph", set[str]]:
        """What makes some tensors of some that are known, and which of these it reads."""
        needed, read = set(outputs), set()
        nodes = []
        for node, (made, heard) in zip(reversed(self.nodes), reversed(self.called()), strict=True):
            if not needed.isdisjoint(made):
                nodes.append(node)
                read |= {name for name in heard if name in known}
                needed |= {name for name in heard if name not in known}
        return Graph(nodes[::-1], self.held, names=self.names), read

    def model(
        self, inputs: Mapping[str, Size], outputs: Sequence[str], constant: Collection[str] = ()
    ) -> tuple[onnx.ModelProto, dict[str, Array]]:
        """The model for any number of frames, and the initializers that it names and does not hold.
        `constant`: inputs that have one frame.
        """
        used = {name for node in self.nodes for name in node.input}
        initializers, large = [], {}
        for name, array in self.held.items():
            if name not in used:
                continue
            if array.nbytes <= INLINE_MAX:
                initializers.append(numpy_helper.from_array(array, name))
                continue
            tensor = TensorProto(
                name=name,
                data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
                dims=array.shape,
                data_location=TensorProto.EXTERNAL,
            )
            tensor.external_data.add(key="location", value="memory")
            initializers.append(tensor)
            large[name] = array
        nodes = []
        for node in self.nodes:
            named = onnx.NodeProto()
            named.CopyFrom(node)
            for names in (named.input, named.output):
                names[:] = [self.names.get(name, name) for name in names]
            nodes.append(named)
        graph = helper.make_graph(
            nodes,
            "lifted",
            [
                helper.make_tensor_value_info(
                    name,
                    TensorProto.FLOAT,
                    [1 if name in constant else "N", size.depth, size.height, size.width],
                )
                for name, size in inputs.items()
            ],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            initializers,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=10), large
