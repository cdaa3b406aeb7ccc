"""Scan and Loop: one run of their body, which is one step."""

from collections.abc import Callable, Iterator

import numpy as np
import onnx

from ....ir.errors import Origin, Unsupported
from ..inline import made_names, renamed
from ..sizes import SCAN_WITHOUT_BATCH
from .writing import Writer

LOOP_INPUTS = 2  # how often, and whether at all
COUNTERS = ("Identity", "Cast", "Unsqueeze", "Squeeze", "Reshape")  # of a counter, a counter still
SHAPELESS = "its state {} has no shape that is known before it runs"

Shapes = Callable[[str], tuple[int, ...] | None]


def body_of(node: onnx.NodeProto) -> onnx.GraphProto:
    """What a Scan or Loop runs for each step."""
    body: onnx.GraphProto = next(a.g for a in node.attribute if a.name == "body")
    return body


def is_whole(node: onnx.NodeProto) -> bool:
    """Whether a Scan or Loop has a body that reads and leaves as much as the node says."""
    bodies = [a.g for a in node.attribute if a.name == "body" and a.HasField("g")]
    if not bodies or len(bodies[0].input) != len(node.input):
        return False
    if node.op_type == "Loop":
        return len(node.input) >= LOOP_INPUTS and len(bodies[0].output) >= len(node.input) - 1
    count = _integer(node, "num_scan_inputs")
    listed = (integers(node, "scan_input_axes", count), integers(node, "scan_input_directions", count))
    if not 0 < count <= len(node.input) or any(len(each) != count for each in listed):
        return False
    return len(bodies[0].output) >= len(node.input) - count


def sequences(node: onnx.NodeProto) -> Iterator[tuple[str, int]]:
    """The tensors that a Scan or Loop reads step by step, with the axis of the steps."""
    if node.op_type == "Scan":
        count = _integer(node, "num_scan_inputs")
        axes = integers(node, "scan_input_axes", count)
        yield from zip(node.input[len(node.input) - count :], axes, strict=True)
        return
    body = body_of(node)
    counters, own = {body.input[0].name}, {*made_names(body), *(value.name for value in body.input)}
    for each in body.node:
        if each.op_type in COUNTERS and each.input[0] in counters:
            counters.update(each.output)
        elif each.op_type == "Gather" and each.input[1] in counters and each.input[0] not in own:
            yield each.input[0], _integer(each, "axis")


def write_body(node: onnx.NodeProto, origin: Origin, writer: Writer, shapes: Shapes) -> None:
    """The body's nodes for one step. Raises Unsupported where the body is not all that a step takes."""
    body = body_of(node)
    new = {name: f"{writer.base}/{name}" for name in made_names(body)}
    if node.op_type == "Scan":
        states = _scan(node, origin, writer, body, new)
        ends = list(body.output)
    else:
        states = _loop(node, origin, writer, body, new)
        ends = list(body.output)[1:]
    given = []
    for name, initial in states:
        shape = shapes(initial) or ()
        if shapes(initial) is None:
            raise Unsupported(origin, SHAPELESS.format(repr(name)), hint="make its first value constant")
        new[name] = writer.carry(name, initial, shape)
        given.append(new[name])
    for tensor in body.initializer:
        held = onnx.TensorProto()
        held.CopyFrom(tensor)
        held.name = new[tensor.name]
        writer.constants.append(held)
    for each in body.node:
        writer.nodes.append(renamed(each, lambda name: new.get(name, name)))
        if each.name:
            writer.nodes[-1].name = f"{writer.base}/{each.name}"
    outs = list(node.output)
    for index, value in enumerate(ends):
        tensor = new.get(value.name, value.name)
        output = outs[index] if index < len(outs) else ""
        if index < len(given):
            writer.leave(given[index], tensor)
            if output:
                writer.add("Identity", tensor, output=output)
        elif output:
            writer.moved("Unsqueeze", tensor, _output_axis(node, index - len(given)), output)


def _scan(
    node: onnx.NodeProto, origin: Origin, writer: Writer, body: onnx.GraphProto, new: dict[str, str]
) -> list[tuple[str, str]]:
    if writer.opset < SCAN_WITHOUT_BATCH:
        raise Unsupported(origin, "it is a Scan of opset 8", hint="export the model at a later opset")
    count = _integer(node, "num_scan_inputs")
    for what in ("scan_input_directions", "scan_output_directions"):
        if any(integers(node, what, 0)):
            rule = "it runs backwards: its first step needs the last one of the sequence"
            raise Unsupported(origin, rule, hint="scan forwards")
    states = len(node.input) - count
    for index, (tensor, axis) in enumerate(sequences(node)):
        name = body.input[states + index].name
        new[name] = writer.moved("Squeeze", tensor, axis)
    return [(body.input[index].name, node.input[index]) for index in range(states)]


def _loop(
    node: onnx.NodeProto, origin: Origin, writer: Writer, body: onnx.GraphProto, new: dict[str, str]
) -> list[tuple[str, str]]:
    counter, condition = (value.name for value in body.input[:2])
    makers = {name: each for each in body.node for name in each.output}
    end = body.output[0].name
    while end in makers and makers[end].op_type == "Identity":
        end = makers[end].input[0]
    constants = {tensor.name for tensor in body.initializer}
    if (
        end != condition
        and end not in constants
        and not (end in makers and makers[end].op_type == "Constant")
    ):
        raise Unsupported(origin, "it ends when its values say so", hint="let it run for all steps")
    if not any(True for _ in sequences(node)):
        raise Unsupported(origin, "it reads no sequence step by step", hint="write its steps out as layers")
    new[counter] = writer.constant("counter", np.asarray(0, dtype=np.int64))
    new[condition] = writer.constant("condition", np.asarray(True))
    return [(body.input[index].name, node.input[index]) for index in range(2, len(node.input))]


def _output_axis(node: onnx.NodeProto, index: int) -> int:
    axes = integers(node, "scan_output_axes", 0)
    return axes[index] if index < len(axes) else 0


def _integer(node: onnx.NodeProto, name: str) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), 0)


def integers(node: onnx.NodeProto, name: str, count: int) -> list[int]:
    """The numbers of an attribute; as many zeros where a node does not have it."""
    return next((list(a.ints) for a in node.attribute if a.name == name), [0] * count)
