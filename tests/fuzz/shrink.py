"""A failing case made small: fewer outputs, nodes, attributes and frames, while it fails the same way."""

import functools
from collections.abc import Callable, Iterator, Mapping

import onnx
from onnx import helper, numpy_helper

from .drawing import Array, quick_session
from .graphs import Case, Frames

Fails = Callable[[Case], bool]


def shrunk(case: Case, fails: Fails) -> Case:
    """The smallest case found that fails as this one does."""
    while True:
        for smaller in _smaller(case):
            if fails(smaller):
                case = smaller
                break
        else:
            return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with a little less, the boldest cuts first."""
    graph = case.model.graph
    for index in range(len(graph.node) - 1):  # all behind a node goes
        yield from _tried(case, functools.partial(_ends_at, index))
    for index in range(len(graph.output) if len(graph.output) > 1 else 0):
        yield from _tried(case, functools.partial(_without_output, index))
    yield from _made_inputs(case)
    if len(case.frames) > 1:
        yield from (Case(case.model, [frame]) for frame in case.frames)
    for index, node in enumerate(graph.node):
        for at in _at_default(node, case.model):
            yield from _tried(case, functools.partial(_without_attribute, index, at))
    if graph.value_info:
        yield from _tried(case, _without_inferred)


def _tried(case: Case, change: Callable[[onnx.GraphProto], None]) -> Iterator[Case]:
    model = onnx.ModelProto.FromString(case.model.SerializeToString())
    change(model.graph)
    yield _pruned(model, case.frames)


def _at_default(node: onnx.NodeProto, model: onnx.ModelProto) -> list[int]:
    """Attributes that say nothing: without others, a window may not fit its map any more."""
    (opset,) = (entry.version for entry in model.opset_import if not entry.domain)
    if node.domain:
        return []
    known = onnx.defs.get_schema(node.op_type, opset).attributes
    return [i for i, each in enumerate(node.attribute) if each == known[each.name].default_value]


def _without_output(index: int, graph: onnx.GraphProto) -> None:
    del graph.output[index]


def _without_attribute(index: int, at: int, graph: onnx.GraphProto) -> None:
    del graph.node[index].attribute[at]


def _without_inferred(graph: onnx.GraphProto) -> None:
    del graph.value_info[:]


def _ends_at(index: int, graph: onnx.GraphProto) -> None:
    outputs = [name for name in graph.node[index].output if name]
    del graph.output[:]
    del graph.node[index + 1 :]
    kind = onnx.TensorProto.FLOAT
    graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name in outputs)


def _made_inputs(case: Case) -> Iterator[Case]:
    """Cases where what a node computes is an input instead."""
    graph = case.model.graph
    ends = {value.name for value in graph.output}
    nodes = [node for node in graph.node if node.op_type != "Constant" and not {*node.output} & ends]
    wide = onnx.ModelProto.FromString(case.model.SerializeToString())
    names = [name for node in nodes for name in node.output if name]
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    if not names:
        return
    try:
        session = quick_session(wide)
        fed = [each.name for each in session.get_inputs()]
        runs = [session.run(names, {name: frame[name] for name in fed}) for frame in case.frames]
    except Exception:  # a dozen kinds of ONNX Runtime's
        return
    values = {name: [run[i] for run in runs] for i, name in enumerate(names)}
    for node in reversed(nodes):
        model = onnx.ModelProto.FromString(case.model.SerializeToString())
        model.graph.node.remove(node)
        frames: list[Mapping[str, Array]] = [dict(frame) for frame in case.frames]
        for name in filter(None, node.output):
            kind = helper.np_dtype_to_tensor_dtype(values[name][0].dtype)
            model.graph.input.append(helper.make_tensor_value_info(name, kind, values[name][0].shape))
            frames = [{**f, name: v} for f, v in zip(frames, values[name], strict=True)]
        yield _pruned(model, frames)


def _pruned(model: onnx.ModelProto, frames: Frames) -> Case:
    """Without the nodes, constants and inputs that no output needs, and with outputs that say their shape."""
    graph = model.graph
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & {*node.output}:
            kept.append(node)
            needed |= {*node.input}
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(kept)]
    del graph.node[:]
    graph.node.extend(nodes)
    for values in (graph.input, graph.initializer):
        for value in [value for value in values if value.name not in needed]:
            values.remove(value)
    return Case(model, frames)


def shown(case: Case) -> str:
    """A case as text: the model in ONNX's notation with its small constants, and the frames."""
    text = onnx.printer.to_text(case.model)
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in case.model.graph.initializer}
    lines = [f"# {name} = {array.tolist()}" for name, array in held.items() if array.size <= 24]
    for index, frame in enumerate(case.frames):
        read = {value.name for value in case.model.graph.input}
        lines += [
            f"# frame {index}: {name} = {array.tolist()}"
            for name, array in frame.items()
            if name in read and array.size <= 64
        ]
    return "\n".join([text, *lines, ""])
