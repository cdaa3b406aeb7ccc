"""Well-formed random ONNX graphs over every operator that the chip is given. Same seed, same graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .affine_nodes import AFFINE_NODES
from .composition_nodes import COMPOSITION_NODES
from .drawing import Array, Draw, Drawing, Rejected, Shape, ir_version
from .function_nodes import FUNCTION_NODES
from .order_nodes import ORDER_NODES
from .picking_nodes import PICKING_NODES
from .point_nodes import POINT_NODES
from .scatter_nodes import SCATTER_NODES
from .shape_nodes import SHAPE_NODES
from .truth_nodes import TRUTH_NODES
from .window_nodes import WINDOW_NODES

NODES: Mapping[str, Draw] = {
    **WINDOW_NODES,
    **POINT_NODES,
    **FUNCTION_NODES,
    **COMPOSITION_NODES,
    **SHAPE_NODES,
    **PICKING_NODES,
    **TRUTH_NODES,
    **SCATTER_NODES,
    **AFFINE_NODES,
    **ORDER_NODES,
}
OPSETS = range(7, 27)  # what every ONNX Runtime that may be installed runs
OLD = range(7, 10)  # with Upsample, and most other operators in another form
NEW = range(23, 27)  # with operators that no other opset has
NODES_MAX = 8
TRIES = 12  # for a node, before the graph does without it
ROWS = 0.4  # of the networks of one row, those of longer rows
ROW_MAX = 300  # samples
INITIALIZERS_ALONE = 4  # the first IR version where an initializer need not be an input
FUNCTIONS = 8  # the first IR version that has functions

Frames = Sequence[Mapping[str, Array]]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A model, some frames of its inputs, and what ONNX Runtime refused while the model was drawn."""

    model: onnx.ModelProto
    frames: Frames
    refused: tuple[str, ...] = ()


def graph(seed: int) -> onnx.ModelProto:
    """The model of a seed."""
    return case(seed).model


def case(seed: int) -> Case:
    """The case of a seed."""
    random = np.random.default_rng((seed, 1))
    share = random.random()
    opsets = OLD if share < 0.18 else NEW if share < 0.36 else OPSETS
    d = Drawing((seed, 2), opset=int(random.choice(opsets)), frames=int(random.integers(2, 4)))
    for _ in range(d.pick(1, 1, 1, 2, 2, 3)):
        d.input(_input_shape(d))
    names = sorted(NODES)
    wanted = d.between(1, NODES_MAX)
    for _ in range(wanted):
        for _ in range(TRIES):
            try:
                NODES[d.pick(*names)](d)
            except Rejected:
                continue
            break
    if not d.nodes:
        d.add("Relu", [d.tensor()])
    return Case(_Finish(d).model(), _frames(d), tuple(d.rejected))


def _input_shape(d: Drawing) -> Shape:
    known = [d.shape(name) for name in d.inputs]
    if known and d.chance(0.5):
        return d.pick(*known)
    rank = d.pick(2, 3, 4, 4, 4, 4, 4, 4, 5)
    if rank == 3 and d.chance(ROWS):
        return (1, d.between(1, 3), d.between(20, ROW_MAX))
    batch = 1 if d.chance(0.9) else 2
    if rank == 2:
        return (batch, d.between(1, 12))
    sizes = [d.between(1, 9) for _ in range(rank - 2)]
    return (batch, d.between(1, 6), *(sizes if rank < 5 else [min(size, 4) for size in sizes]))


def _frames(d: Drawing) -> Frames:
    return [{name: values[i] for name, values in d.inputs.items()} for i in range(d.frames)]


class _Finish:
    """How a drawing is written down as a model: which tensors are outputs, and every oddity of form."""

    def __init__(self, drawing: Drawing) -> None:
        self.d = drawing
        self.nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in drawing.nodes]
        floor = ir_version(drawing.opset)
        self.ir = min(floor + drawing.between(0, 2), max(floor, 10)) if drawing.chance(0.7) else floor

    def model(self) -> onnx.ModelProto:
        d = self.d
        outputs = self._outputs()
        initializers, nodes = self._constants()
        self._name()
        inputs = [self._input(name) for name in d.inputs]
        listed = self.ir < INITIALIZERS_ALONE or d.chance(0.15)
        declared = [self._value(t.name, numpy_helper.to_array(t).shape, t.data_type) for t in initializers]
        if listed:
            inputs = [*declared, *inputs] if d.chance(0.3) else [*inputs, *declared]
        made = helper.make_graph(
            [*nodes, *self.nodes],
            d.pick("drawn", "main graph", ""),
            inputs,
            [self._output(name) for name in outputs],
            initializers,
        )
        if not made.name:
            made.name = "g"
        model = helper.make_model(
            made,
            opset_imports=[helper.make_opsetid("", d.opset)],
            ir_version=self.ir,
            producer_name="drawn",
        )
        if self.ir >= FUNCTIONS and d.chance(0.08):
            model = _with_function(model, d)
        if d.chance(0.2):
            model = onnx.shape_inference.infer_shapes(model)
        if all(output.type.tensor_type.HasField("shape") for output in model.graph.output):
            onnx.checker.check_model(model)
        return model

    def _outputs(self) -> list[str]:
        """The tensors that nothing reads, but for a node left unused, and some others."""
        d = self.d
        read = {name for node in self.nodes for name in node.input}
        made = [name for node in self.nodes for name in node.output if self._is_float(name)]
        ends = [name for name in made if name not in read]
        if len(ends) > 1 and d.chance(0.15):
            ends.remove(d.pick(*ends))
        inner = [name for name in made if name in read]
        if inner and d.chance(0.3):
            ends.append(d.pick(*inner))
        if d.chance(0.06):
            ends.append(d.pick(*d.inputs))
        if d.chance(0.2):
            ends = [ends[i] for i in d.random.permutation(len(ends))]
        return ends

    def _is_float(self, name: str) -> bool:
        return self.d.values[name][0].dtype.kind == "f"

    def _constants(self) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
        """Constants as initializers, or as nodes; some that nothing reads."""
        d = self.d
        read = {name for node in self.nodes for name in node.input}
        initializers, nodes = [], []
        for name, array in d.constants.items():
            if name not in read and not d.chance(0.1):
                continue
            tensor = numpy_helper.from_array(array, name)
            if d.chance(0.3) and array.dtype.kind == "f" and array.size:
                tensor = helper.make_tensor(name, tensor.data_type, array.shape, array.ravel().tolist())
            if d.chance(0.15):
                nodes.append(helper.make_node("Constant", [], [name], value=tensor))
            else:
                initializers.append(tensor)
        return initializers, nodes

    def _name(self) -> None:
        """Names for nodes, of all or of some, or none, or those of tensors."""
        kind = self.d.pick("own", "own", "none", "some", "tensor")
        for index, node in enumerate(self.nodes):
            own = "" if kind == "some" and self.d.chance(0.5) else f"node{index}"
            node.name = {"none": "", "tensor": node.output[0]}.get(kind, own)

    def _value(self, name: str, shape: Sequence[int | str | None], kind: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, list(shape))

    def _input(self, name: str) -> onnx.ValueInfoProto:
        shape: list[int | str | None] = list(self.d.shape(name))
        if shape and shape[0] == 1 and self.d.chance(0.2):
            shape[0] = self.d.pick("N", "batch size")
        return self._value(name, shape, onnx.TensorProto.FLOAT)

    def _output(self, name: str) -> onnx.ValueInfoProto:
        value = self.d.values[name][0]
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        form = self.d.pick("static", "static", "free", "none", "untyped")
        shape: list[int | str | None] = list(value.shape)
        if (
            form == "untyped" and name not in self.d.inputs
        ):  # the checker wants a type of it, ONNX Runtime does not
            return onnx.ValueInfoProto(name=name)
        if form == "none":
            shape = [None] * value.ndim
        if form == "free":
            shape = [f"{name}_{i}" if self.d.chance(0.5) else size for i, size in enumerate(shape)]
        return self._value(name, shape, kind)


def _with_function(model: onnx.ModelProto, d: Drawing) -> onnx.ModelProto:
    """The model with one of its nodes, of one output, inside a function of its own."""
    fitting = [
        (i, n)
        for i, n in enumerate(model.graph.node)
        if n.op_type != "Constant" and len(n.output) == 1 and "" not in n.input
    ]
    if not fitting:
        return model
    index, node = d.pick(*fitting)
    inputs = list(dict.fromkeys(node.input))
    body = onnx.NodeProto.FromString(node.SerializeToString())
    opsets = [helper.make_opsetid("", d.opset)]
    function = helper.make_function("own", "Part", inputs, list(node.output), [body], opsets)
    call = helper.make_node("Part", inputs, list(node.output), domain="own", name=node.name)
    model.graph.node[index].CopyFrom(call)
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    return model
