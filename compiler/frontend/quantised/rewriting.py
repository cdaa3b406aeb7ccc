"""A graph while its nodes are replaced: its constants, names that are free, who reads a tensor."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ....ir.errors import BadInput, Origin
from ....ir.layers import PERMUTATIONS
from ..opset import IR_VERSION

Naming = Generator[onnx.NodeProto, None, str]  # nodes, and in the end the name of the tensor that they make

OWN = ("", "ai.onnx")
CLIP_WITH_INPUTS = 11  # from this opset on, Clip's bounds are inputs
# Constants are computed from constants by these, none of which makes much out of little.
FOLDED = (
    *(*PERMUTATIONS, "Slice", "Gather", "Cast", "Clip"),
    *("Concat", "Add", "Sub", "Mul", "Div", "Neg", "Abs", "Sqrt", "Reciprocal", "Round", "Floor", "Ceil"),
    *("Relu", "Max", "Min", "Sign"),
)


class Rewriting:
    """The nodes of a graph, as one pass after another replaces them. `file` is for messages."""

    def __init__(self, graph: onnx.GraphProto, opset: int, file: str) -> None:
        self.graph, self.opset, self.file = graph, opset, file
        self.nodes: list[onnx.NodeProto] = list(graph.node)
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._arrays: dict[str, NDArray[Any]] = {}
        self.outputs = {output.name for output in graph.output}
        self.nested = {name for node in self.nodes for name in _nested_reads(node)}
        self.names = {
            name for node in self.nodes for name in (*node.input, *node.output)
        } | self._tensors.keys()
        for node in self.nodes:
            value = _held(node)
            if value is not None:
                self._arrays[node.output[0]] = value

    # -- constants

    def is_constant(self, name: str) -> bool:
        """Whether a tensor's values are known."""
        return name in self._arrays or name in self._tensors

    def constant(self, name: str) -> NDArray[Any]:
        """The values of a constant."""
        if name not in self._arrays:
            self._arrays[name] = numpy_helper.to_array(self._tensors[name])
        return self._arrays[name]

    def constant_input(self, node: onnx.NodeProto, index: int) -> NDArray[Any] | None:
        """The values of a node's input, or None where they are not known or there is no such input."""
        name = input_of(node, index)
        return self.constant(name) if name and self.is_constant(name) else None

    def numbers(self, node: onnx.NodeProto, index: int) -> NDArray[np.float32] | None:
        """The numbers of a node's input, or None where they are not known. Raises BadInput."""
        found = self.constant_input(node, index)
        if found is None:
            return None
        try:
            numbers = found.astype(np.float32)
        except ValueError:  # they are texts
            numbers = np.zeros(0, dtype=np.float32)
        if not numbers.size or not np.isfinite(numbers).all():
            rule = f"its input {input_of(node, index)!r} holds no finite numbers"
            raise BadInput(self.origin(node), rule, hint="export the model again")
        return numbers

    def check_inputs(self, node: onnx.NodeProto, least: int) -> None:
        """Raises BadInput where a node lacks inputs: ONNX's checker knows nothing of other domains."""
        if len(node.input) < least or not node.output or "" in node.input[: min(least, 2)]:
            rule = f"it has {len(node.input)} inputs, it needs {least}"
            raise BadInput(self.origin(node), rule, hint="export the model again")

    def hold(self, name: str, value: NDArray[Any]) -> str:
        """Makes a tensor a constant; gives its name."""
        array = np.asarray(value)
        self._arrays[name] = array
        self.graph.initializer.append(numpy_helper.from_array(array, name))
        self.names.add(name)
        return name

    def fold(self, node: onnx.NodeProto) -> bool:
        """Computes a node whose inputs are constants; False where it is none, or not one of `FOLDED`."""
        if node.domain not in OWN or node.op_type not in FOLDED or len(node.output) != 1 or not node.input:
            return False
        if any(name and not self.is_constant(name) for name in node.input):
            return False
        from onnx.reference import ReferenceEvaluator

        read = list(dict.fromkeys(name for name in node.input if name))
        values = {name: self.constant(name) for name in read}
        graph = onnx.helper.make_graph(
            [node],
            "constant",
            [onnx.ValueInfoProto(name=name) for name in read],
            [onnx.ValueInfoProto(name=node.output[0])],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", self.opset)])
        try:
            [result] = ReferenceEvaluator(model).run(None, values)
        except Exception:  # what is wrong with it, the checks behind say better: it stays a node
            return False
        self.hold(node.output[0], np.asarray(result))
        return True

    # -- nodes

    def fresh(self, name: str) -> str:
        """A name that no tensor has yet."""
        while name in self.names:
            name += "'"
        self.names.add(name)
        return name

    def origin(self, node: onnx.NodeProto) -> Origin:
        """Where a node stands, for messages."""
        output = node.output[0] if node.output else ""
        return Origin(file=self.file, node=node.name, operator=node.op_type, output=output)

    def clip(self, source: str, low: float, high: float, result: str, name: str) -> onnx.NodeProto:
        """A Clip to constant bounds, in the form of the model's opset."""
        ends = [np.asarray(end, dtype=np.float32) for end in (low, high)]
        if self.opset < CLIP_WITH_INPUTS:
            return onnx.helper.make_node(
                "Clip", [source], [result], name, min=float(ends[0]), max=float(ends[1])
            )
        bounds = [
            self.hold(self.fresh(f"{result}:{label}"), end)
            for label, end in zip(("min", "max"), ends, strict=True)
        ]
        return onnx.helper.make_node("Clip", [source, *bounds], [result], name)

    def readers(self) -> Counter[str]:
        """How often each tensor is read, by nodes or as an output of the model."""
        found = Counter(name for node in self.nodes for name in node.input)
        found.update((*self.outputs, *self.nested))
        return found

    def inferred_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the tensors for which ONNX can infer it; 0 for a size that it cannot."""
        model = onnx.helper.make_model(
            self.graph, opset_imports=[onnx.helper.make_opsetid("", self.opset)], ir_version=IR_VERSION
        )
        del model.graph.node[:]
        model.graph.node.extend(self.nodes)
        found = onnx.shape_inference.infer_shapes(model).graph
        return {
            value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
            for value in (*found.input, *found.value_info, *found.output)
            if value.type.tensor_type.HasField("shape")
        }

    def replace(self, nodes: Iterable[onnx.NodeProto]) -> None:
        """Other nodes take the place of those that were."""
        self.nodes = list(nodes)

    def drop_dead(self) -> None:
        """The nodes are those that an output depends on."""
        kept: list[onnx.NodeProto] = []
        needed = set(self.outputs)
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                kept.append(node)
                needed |= {*node.input, *_nested_reads(node)}
        self.nodes = kept[::-1]

    def finish(self, model: onnx.ModelProto) -> None:
        """The graph has these nodes and the constants that they read, and its model the domains of both."""
        needed = {*self.readers(), *(name for node in self.nodes for name in _nested_reads(node))}
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        unused = {tensor.name for tensor in self.graph.initializer} - needed
        for field in (self.graph.initializer, self.graph.input):
            left = [each for each in field if each.name not in unused]
            del field[:]
            field.extend(left)
        del self.graph.value_info[:]
        domains = {*OWN, *(node.domain for node in self.nodes)}
        imports = [entry for entry in model.opset_import if entry.domain in domains]
        del model.opset_import[:]
        model.opset_import.extend(imports)


def input_of(node: onnx.NodeProto, index: int) -> str:
    """The name of a node's input, empty where it has none."""
    return node.input[index] if 0 <= index < len(node.input) else ""


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """The value of a node's attribute."""
    for each in node.attribute:
        if each.name == name:
            value = onnx.helper.get_attribute_value(each)
            return value.decode(errors="replace") if isinstance(value, bytes) else value
    return default


def like(
    node: onnx.NodeProto,
    operator: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    drop: Sequence[str] = (),
) -> onnx.NodeProto:
    """A node with another's name and attributes, one of ONNX's own operators."""
    made = onnx.helper.make_node(operator, inputs, outputs, node.name)
    made.attribute.extend(each for each in node.attribute if each.name not in drop)
    return made


def _held(node: onnx.NodeProto) -> NDArray[Any] | None:
    """What a Constant holds, where it is numbers."""
    if node.op_type != "Constant" or node.domain not in OWN or len(node.attribute) != 1:
        return None
    value = onnx.helper.get_attribute_value(node.attribute[0])
    match node.attribute[0].name:
        case "value":
            return numpy_helper.to_array(value)
        case "value_float" | "value_floats":
            return np.array(value, dtype=np.float32)
        case "value_int" | "value_ints":
            return np.array(value, dtype=np.int64)
    return None


def _nested_reads(node: onnx.NodeProto) -> Iterator[str]:
    """The tensors that graphs inside a node read."""
    for each in node.attribute:
        for graph in (*((each.g,) if each.HasField("g") else ()), *each.graphs):
            yield from (output.name for output in graph.output)
            for inner in graph.node:
                yield from inner.input
                yield from _nested_reads(inner)
