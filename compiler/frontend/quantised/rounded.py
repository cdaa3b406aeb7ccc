"""Values that no tensor holds yet, as nodes: rounded to the integers of a tensor, or as real numbers."""

import math
from collections.abc import Iterator

import numpy as np
import onnx

from .pending import Held, Joined, Pending, Value, Whole
from .quantisation import Reals
from .rewriting import Naming, Rewriting

Nodes = Iterator[onnx.NodeProto]


def rounded(graph: Rewriting, value: Value, whole: Whole, name: str = "") -> Nodes:
    """The whole numbers that a value is quantised to, as a tensor of that name."""
    name = name or whole.name
    if isinstance(value, Joined):
        parts = []
        for index, part in enumerate(value.parts):
            parts.append(graph.fresh(f"{name}:{index}"))
            yield from rounded(graph, part, whole, parts[-1])
        yield onnx.helper.make_node("Concat", parts, [name], f"{name}/joined", axis=value.axis)
        return
    if isinstance(value, Held):
        graph.hold(name, _held(value, whole))
        return
    step = np.asarray(whole.how.scale.reshape(()), dtype=np.float32)
    low, high = value.whole_bounds(whole)
    source = value.terms[0].name
    only = value.terms[0] if len(value.terms) == 1 else None
    if only is None:
        source = yield from _added(graph, value, name)
    elif not whole.how.clamps:
        yield onnx.helper.make_node("Identity", [source], [name], f"{name}/real")
        return
    elif value.is_sum:
        source = yield from _by(graph, "Mul", source, value.factor(step), name)
        step = np.ones((), dtype=np.float32)
    elif only.is_one and only.scale == step:
        yield graph.clip(source, low, high, name, f"{name}/clamp")
        return
    else:
        source = yield from _by(graph, "Mul", source, only.scale, name)
    yield from _divided(graph, source, step, (low, high), name)


def rounded_real(graph: Rewriting, source: str, whole: Whole) -> Nodes:
    """The whole numbers that a tensor of floats is quantised to."""
    step = np.asarray(whole.how.scale.reshape(()), dtype=np.float32)
    yield from _divided(graph, source, step, whole.ends, whole.name)


def real(graph: Rewriting, value: Value, name: str) -> Nodes:
    """The real numbers that a value stands for, as a tensor of that name."""
    if isinstance(value, Joined):
        parts = []
        for index, part in enumerate(value.parts):
            parts.append(graph.fresh(f"{name}:{index}"))
            yield from real(graph, part, parts[-1])
        yield onnx.helper.make_node("Concat", parts, [name], f"{name}/joined", axis=value.axis)
        return
    if isinstance(value, Held):
        shape = [-1 if a == value.axis % value.whole.ndim else 1 for a in range(value.whole.ndim)]
        scale = value.scale.reshape(()) if value.is_one else value.scale.reshape(shape)
        graph.hold(name, (value.whole.astype(np.float32) * scale).astype(np.float32))
        return
    source = yield from _added(graph, value, name)
    if not (math.isinf(value.low) and math.isinf(value.high)):
        most = float(np.finfo(np.float32).max)
        yield graph.clip(source, max(value.low, -most), min(value.high, most), name, f"{name}/clamp")
    else:
        yield onnx.helper.make_node("Identity", [source], [name], f"{name}/real")


def _held(value: Held, whole: Whole) -> Reals:
    """A constant, quantised."""
    numbers = value.whole.astype(np.float32) * value.scale.reshape(())
    clamped = np.clip(np.rint(numbers / whole.how.scale.reshape(())), *whole.ends)
    return np.asarray(clamped, dtype=np.float32)


def _added(graph: Rewriting, value: Pending, name: str) -> Naming:
    """The sum of a value's terms, each times its scale; gives its name."""
    total = ""
    for term in value.terms:
        scale = np.asarray(term.scale / value.count, dtype=np.float32)
        scaled = yield from _by(graph, "Mul", term.name, scale, name)
        if total:
            before, total = total, graph.fresh(f"{name}/total")
            yield onnx.helper.make_node("Add", [before, scaled], [total], total)
        else:
            total = scaled
    return total


def _divided(graph: Rewriting, source: str, step: Reals, bounds: tuple[float, float], name: str) -> Nodes:
    source = yield from _by(graph, "Div", source, step, name)
    whole = graph.fresh(f"{name}/round")
    yield onnx.helper.make_node("Round", [source], [whole], whole)
    yield graph.clip(whole, *bounds, name, f"{name}/clamp")


def _by(graph: Rewriting, operator: str, source: str, number: Reals, name: str) -> Naming:
    """A product or quotient with a constant; gives its name. Of one, nothing is made."""
    if (number == 1).all():
        return source
    result = graph.fresh(f"{name}/{operator.lower()}")
    held = graph.hold(graph.fresh(f"{result}/by"), number.astype(np.float32))
    yield onnx.helper.make_node(operator, [source, held], [result], result)
    return result
