"""Sequences: which axis of an input is the steps' of a recurrent node, and models of any number of steps."""

from collections.abc import Iterator, Mapping, Sequence

import onnx

from ....ir.errors import BadInput, Origin, Unsupported
from ..onnx_file import fix_shapes
from .bodies import sequences
from .cells import INITIAL_C, INITIAL_H

CELLS = ("RNN", "GRU", "LSTM")
BODIES = ("Scan", "Loop")
PROBE = "~steps"

Shapes = Mapping[str, tuple[int, ...]]


def recurrent_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that go through a sequence."""
    return [node for node in model.graph.node if node.op_type in (*CELLS, *BODIES)]


def origin_of(node: onnx.NodeProto, file: str) -> Origin:
    """Where a node comes from."""
    output = next((name for name in node.output if name), "")
    return Origin(file, node.name or f"{node.op_type}_{output}", node.op_type, output)


def sequence_axes(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], file: str) -> dict[str, int]:
    """The axis of each input that is a sequence. Raises Unsupported for a node whose sequence is none."""
    open_: dict[tuple[str, int], onnx.NodeProto] = {each: node for node in nodes for each in _read(node)}
    covered: set[tuple[str, int]] = set()
    axes: dict[str, int] = {}
    for value in model.graph.input:
        for axis in range(len(value.type.tensor_type.shape.dim)):
            found = {each for each in open_ if each in _reached(model, value.name, axis, open_)}
            if found and value.name not in axes:
                axes[value.name] = axis
                covered |= found
    for each, node in open_.items():
        if each not in covered:
            rule = f"the steps of its sequence {each[0]!r} are no axis of an input"
            hint = "feed the sequence itself: what lies before may not mix steps or state their number"
            raise Unsupported(origin_of(node, file), rule, hint=hint)
    return axes


def _read(node: onnx.NodeProto) -> Iterator[tuple[str, int]]:
    """The tensors that a node reads step by step, with the axis of the steps."""
    if node.op_type in BODIES:
        yield from sequences(node)
    else:
        yield node.input[0], 0


def _reached(
    model: onnx.ModelProto, name: str, axis: int, tensors: Mapping[tuple[str, int], onnx.NodeProto]
) -> set[tuple[str, int]]:
    """Of some tensors with an axis, those whose axis is one of an input's."""
    probed = _bare(model)
    for value in probed.graph.input:
        for number, dim in enumerate(value.type.tensor_type.shape.dim):
            if value.name == name and number == axis:
                dim.dim_param = PROBE
            elif not dim.dim_value:
                dim.dim_value = 1
    try:
        inferred = onnx.shape_inference.infer_shapes(probed, data_prop=True)
    except Exception:  # what is wrong with the model is said where it is read
        return set()
    graph = inferred.graph
    kinds = {v.name: v.type.tensor_type for v in (*graph.input, *graph.value_info, *graph.output)}
    found = set()
    for tensor, number in tensors:
        dims = list(kinds[tensor].shape.dim) if tensor in kinds else []
        if -len(dims) <= number < len(dims) and dims[number].dim_param == PROBE:
            found.add((tensor, number))
    return found


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without what it says of shapes, but for its inputs'."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.value_info[:]
    for value in found.graph.output:
        value.type.tensor_type.ClearField("shape")
    return found


def stated_steps(model: onnx.ModelProto, axes: Mapping[str, int], shapes: Shapes, file: str) -> int:
    """How many steps the inputs have; 0 where that is open. Raises BadInput where they differ."""
    found = set()
    for value in model.graph.input:
        if value.name in axes:
            axis = axes[value.name]
            size = value.type.tensor_type.shape.dim[axis].dim_value
            given = shapes[value.name][axis] if len(shapes.get(value.name, ())) > axis else 0
            found.add(size or (given if given > 1 else 0))
    if len(found) > 1:
        rule = f"its inputs {', '.join(axes)} have {sorted(found)} steps"
        raise BadInput(Origin(file=file), rule, hint="give all of them as many")
    return found.pop() if found else 0


def with_steps(
    model: onnx.ModelProto, axes: Mapping[str, int], steps: int, shapes: Shapes, file: str
) -> onnx.ModelProto:
    """The model for so many steps, all shapes of its inputs static. Raises BadInput."""
    found = _bare(model)
    for value in found.graph.input:
        if value.name in axes:
            value.type.tensor_type.shape.dim[axes[value.name]].dim_value = steps
    given = {
        name: tuple(steps if axis == axes.get(name) else size for axis, size in enumerate(shape))
        for name, shape in shapes.items()
    }
    return fix_shapes(found, given, file)


def steps_first(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model with views around cells of layout 0 in place of those of layout 1, which no runtime has."""
    if all(node.op_type not in CELLS or not _layout(node) for node in model.graph.node):
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.node[:]
    for node in model.graph.node:
        found.graph.node.extend(_turned(node) if node.op_type in CELLS and _layout(node) else [node])
    return found


def _layout(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "layout"), 0)


def _turned(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """A cell of layout 1 as one of layout 0 between views."""
    base = node.name or next(name for name in node.output if name)
    made = onnx.NodeProto()
    made.CopyFrom(node)
    del made.attribute[:]
    made.attribute.extend(a for a in node.attribute if a.name != "layout")
    for index in (0, INITIAL_H, INITIAL_C):
        if index < len(node.input) and node.input[index]:
            made.input[index] = f"{base}/turned{index}"
            inputs, outputs = [node.input[index]], [made.input[index]]
            yield onnx.helper.make_node("Transpose", inputs, outputs, made.input[index], perm=[1, 0, 2])
    for index, name in enumerate(node.output):
        made.output[index] = f"{base}/turning{index}" if name else ""
    yield made
    for index, name in enumerate(node.output):
        if name:
            perm = [1, 0, 2] if index else [2, 0, 1, 3]
            yield onnx.helper.make_node(
                "Transpose", [made.output[index]], [name], f"{base}/to{index}", perm=perm
            )


def has_inner_loops(node: onnx.NodeProto) -> bool:
    """Whether a body goes through sequences of its own."""
    bodies = [a.g for a in node.attribute if a.HasField("g")]
    inner = [each for body in bodies for each in body.node]
    return any(each.op_type in (*CELLS, *BODIES) or has_inner_loops(each) for each in inner)
