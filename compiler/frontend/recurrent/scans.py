"""A Scan of few steps becomes these steps, one after the other: ONNX defines some operators by Scans. Those
that a model has itself go through a stream, step by step.
"""

from collections.abc import Mapping

import onnx

from ..inline import made_names, renamed
from ..opset import opset_of
from .bodies import body_of, integers, sequences
from .writing import Writer


def unrolled(model: onnx.ModelProto, steps: Mapping[str, int]) -> onnx.ModelProto:
    """The model with some Scans, named by their first output, in as many steps as they have."""
    if not steps:
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.node[:]
    for node in model.graph.node:
        count = steps.get(next(iter(node.output), ""))
        if node.op_type != "Scan" or count is None:
            found.graph.node.append(node)
            continue
        writer = Writer(node.name or node.output[0], opset_of(model))
        _write(node, count, writer)
        found.graph.node.extend(writer.nodes)
        found.graph.initializer.extend(writer.constants)
    return found


def _write(node: onnx.NodeProto, count: int, writer: Writer) -> None:
    body = body_of(node)
    read = list(sequences(node))
    states = list(node.input[: len(node.input) - len(read)])
    left: list[list[str]] = [[] for _ in body.output[len(states) :]]
    backwards = integers(node, "scan_input_directions", len(read))
    left_backwards, axes = (
        integers(node, name, len(left)) for name in ("scan_output_directions", "scan_output_axes")
    )
    held = {tensor.name for tensor in body.initializer}
    for tensor in body.initializer:
        writer.constants.append(onnx.TensorProto.FromString(tensor.SerializeToString()))
        writer.constants[-1].name = f"{writer.base}/{tensor.name}"
    for step in range(count):
        new = {
            name: f"{writer.base}/{name if name in held else f'{step}/{name}'}" for name in made_names(body)
        }
        new |= {value.name: given for value, given in zip(body.input, states, strict=False)}
        for index, (tensor, axis) in enumerate(read):
            at = count - 1 - step if backwards[index] else step
            new[body.input[len(states) + index].name] = writer.picked(tensor, at, axis=axis)
        for each in body.node:
            writer.nodes.append(renamed(each, lambda name, new=new: new.get(name, name)))  # type: ignore[misc]
            writer.nodes[-1].name = f"{writer.base}/{step}/{each.name or each.output[0]}"
        ends = [new.get(value.name, value.name) for value in body.output]
        states = ends[: len(states)]
        for each_left, end in zip(left, ends[len(states) :], strict=True):
            each_left.append(end)
    for state, output in zip(states, node.output, strict=False):
        if output:
            writer.add("Identity", state, output=output)
    for index, output in enumerate(node.output[len(states) :]):
        if output:
            parts = [writer.moved("Unsqueeze", end, axes[index]) for end in left[index]]
            ordered = list(reversed(parts)) if left_backwards[index] else parts
            writer.joined(ordered, axes[index], output=output)
