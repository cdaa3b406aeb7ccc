"""Operators that move elements and compute nothing: which input element each output element is."""

from collections.abc import Iterator

import numpy as np
import onnx

from .reading import Reading, Shape, Source, flat, integer, ints

_SAME_ORDER = {"Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze"}
VIEWS = _SAME_ORDER | {"Concat", "Split", "Slice", "Transpose"}


def view_elements(reading: Reading, node: onnx.NodeProto, output: int = 0) -> list[Source]:
    """For each element of one output of a view, in flat order, the input element it is."""
    x, shape = node.input[0], reading.shapes[node.output[output]]
    match node.op_type:
        case "Concat":
            return _concat(reading, node, shape)
        case "Split":
            axis = integer(node, "axis", 0) % len(shape)
            before = sum(reading.shapes[name][axis] for name in node.output[:output])
            return [
                (x, flat(reading.shapes[x], *index[:axis], index[axis] + before, *index[axis + 1 :]))
                for index in _indices(shape)
            ]
        case "Slice":
            starts, steps = _slice_bounds(reading, node)
            return [
                (
                    x,
                    flat(
                        reading.shapes[x], *(a + i * b for a, i, b in zip(starts, index, steps, strict=True))
                    ),
                )
                for index in _indices(shape)
            ]
        case "Transpose":
            order = ints(node, "perm", range(len(shape))[::-1])
            return [
                (x, flat(reading.shapes[x], *(index[order.index(axis)] for axis in range(len(shape)))))
                for index in _indices(shape)
            ]
        case operator if operator in _SAME_ORDER:
            return [(x, position) for position in range(int(np.prod(shape)))]
        case operator:
            raise NotImplementedError(f"{operator} is no view")


def origins(reading: Reading, tensor: str) -> list[Source]:
    """For each element of a tensor, what it is upstream of every view: of an input or a computing node."""
    node = next((each for each in reading.nodes if tensor in each.output), None)
    if node is None or node.op_type not in VIEWS:
        return [(tensor, position) for position in range(int(np.prod(reading.shapes[tensor])))]
    upstream = {name: origins(reading, name) for name in node.input if name not in reading.constants}
    elements = view_elements(reading, node, list(node.output).index(tensor))
    return [upstream[name][position] for name, position in elements]


def _indices(shape: Shape) -> Iterator[tuple[int, ...]]:
    yield from np.ndindex(*shape)


def _concat(reading: Reading, node: onnx.NodeProto, shape: Shape) -> list[Source]:
    axis = integer(node, "axis", 1) % len(shape)
    elements: dict[int, Source] = {}
    before = 0
    for x in node.input:
        for index in _indices(reading.shapes[x]):
            moved = flat(shape, *index[:axis], index[axis] + before, *index[axis + 1 :])
            elements[moved] = (x, flat(reading.shapes[x], *index))
        before += reading.shapes[x][axis]
    return [elements[position] for position in range(len(elements))]


def _slice_bounds(reading: Reading, node: onnx.NodeProto) -> tuple[list[int], list[int]]:
    """Start and step of every axis; where it ends is in the output's shape."""
    shape = reading.shapes[node.input[0]]
    starts, steps = [0] * len(shape), [1] * len(shape)
    given = reading.integers(node, 1, "starts")
    axes = reading.integers(node, 3, "axes") or list(range(len(given)))
    strides = reading.integers(node, 4, "steps") or [1] * len(given)
    for axis, start, step in zip(axes, given, strides, strict=True):
        size = shape[axis]
        first = start + size if start < 0 else start
        starts[axis] = min(max(first, 0), size if step > 0 else size - 1)
        steps[axis] = step
    return starts, steps
