"""The shapes of what nodes send: worked out from the inputs on, for a file need not state them."""

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from ....ir.errors import BadInput, Unsupported
from .flow import NEURONS, Flow
from .graph import Graph, Node, kind, numbers

Shape = tuple[int, ...]
PARAMETERS = ("r", "v_threshold", "tau", "tau_mem", "threshold", "delay")


def shapes(flow: Flow) -> dict[str, Shape]:
    """The shape of what each node sends, without an axis for frames. Raises SncError where two do not fit."""
    found: dict[str, Shape] = {}
    for name in flow.by_shape:
        node = flow.graph.nodes[name]
        if kind(node) == "Input":
            found[name] = _stated(flow.graph, name)
            continue
        given = [found[source] for source in flow.graph.sources(name) if source in found]
        if len({prod(each) for each in given}) != 1 or len(set(given)) != 1:
            rule = f"its sources send {' and '.join(str(list(each)) for each in given)}"
            raise BadInput(flow.graph.origin(name), rule, hint="give all of them one shape")
        found[name] = _shape(flow.graph, name, node, given[0])
    return found


def _stated(graph: Graph, name: str) -> Shape:
    shape = graph.nodes[name].input_type.get("input")
    if shape is None or not len(shape) or min(int(n) for n in shape) < 1:
        raise BadInput(graph.origin(name), "states no shape", hint="write the file with the input's shape")
    return tuple(int(n) for n in shape)


def _shape(graph: Graph, name: str, node: Node, given: Shape) -> Shape:
    what = kind(node)
    if what in ("Conv1d", "Conv2d"):
        return _convolved(graph, name, node, given)
    if what in ("SumPool2d", "AvgPool2d"):
        return _pooled(graph, name, node, given)
    if what in ("Linear", "Affine"):
        weights = np.shape(node.weight)
        if len(weights) != 2 or given != (weights[1],):
            rule = f"its weights {list(weights)} do not fit what it receives, {list(given)}"
            raise BadInput(graph.origin(name), rule, hint="flatten before it")
        return (weights[0],)
    if what == "Flatten":
        return _flattened(graph, name, node, given)
    if what in NEURONS:
        _check_parameters(graph, name, node, given)
    return given


def _check_parameters(graph: Graph, name: str, node: Node, given: Shape) -> None:
    for parameter in PARAMETERS:
        if (value := getattr(node, parameter, None)) is None:
            continue
        shape = numbers(value).shape
        if prod(shape) != 1 and shape != given:
            rule = f"its {parameter} has the shape {list(shape)}, what it receives has {list(given)}"
            raise BadInput(graph.origin(name), rule, hint="give both one shape")


def pair(value: object, rank: int) -> tuple[int, ...]:
    """A number for each spatial axis."""
    found = np.ravel(np.asarray(value)).astype(int).tolist()
    return tuple(found * rank) if len(found) == 1 else tuple(found)


def padding(node: Node, rank: int, kernel: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions added before and behind each spatial axis."""
    given = node.padding
    if isinstance(given, (str, bytes, np.str_)):
        text = given.decode() if isinstance(given, bytes) else str(given)
        if text == "valid":
            return (0,) * rank, (0,) * rank
        extents = [d * (k - 1) for d, k in zip(pair(node.dilation, rank), kernel, strict=True)]
        begins = tuple(extent // 2 for extent in extents)
        return begins, tuple(extent - begin for extent, begin in zip(extents, begins, strict=True))
    return pair(given, rank), pair(given, rank)


def _convolved(graph: Graph, name: str, node: Node, given: Shape) -> Shape:
    weights, rank = np.shape(node.weight), np.ndim(node.weight) - 2
    groups = int(node.groups)
    if len(given) != rank + 1 or given[0] != weights[1] * groups or weights[0] % groups:
        rule = f"its weights {list(weights)} in {groups} groups do not fit what it receives, {list(given)}"
        raise BadInput(graph.origin(name), rule, hint="write the file again")
    begins, ends = padding(node, rank, weights[2:])
    sizes = []
    for axis in range(rank):
        extent = pair(node.dilation, rank)[axis] * (weights[2 + axis] - 1) + 1
        free = given[1 + axis] + begins[axis] + ends[axis] - extent
        sizes.append(free // pair(node.stride, rank)[axis] + 1)
    if min(sizes) < 1:
        raise BadInput(graph.origin(name), f"its kernel is larger than {list(given)}", hint="add padding")
    return (weights[0], *sizes)


def _pooled(graph: Graph, name: str, node: Node, given: Shape) -> Shape:
    if len(given) != 3:
        raise BadInput(
            graph.origin(name), f"it receives {list(given)}, no maps", hint="pool before flattening"
        )
    kernel, stride, pad = (pair(each, 2) for each in (node.kernel_size, node.stride, node.padding))
    sizes = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(given[1:], kernel, stride, pad, strict=True)]
    if min(sizes) < 1:
        raise BadInput(graph.origin(name), f"its window is larger than {list(given)}", hint="add padding")
    return (given[0], *sizes)


def _flattened(graph: Graph, name: str, node: Node, given: Shape) -> Shape:
    """Some writers count an axis of frames among the dimensions, some do not: what follows decides."""
    rank, start, end = len(given), int(node.start_dim), int(node.end_dim)
    readings: dict[Shape, None] = {}
    for frames in (0, 1):
        first = start if start >= 0 else start + rank + frames
        last = end if end >= 0 else end + rank + frames
        first, last = max(first - frames, 0), last - frames
        if first <= last < rank:
            readings[(*given[:first], prod(given[first : last + 1]), *given[last + 1 :])] = None
    fitting = [shape for shape in readings if _is_wanted(graph, name, shape)]
    if len(fitting) != 1:
        shown = " or ".join(str(list(shape)) for shape in readings) or "nothing"
        rule = f"dimensions {start} to {end} of {list(given)} may be {shown}: what follows does not tell"
        raise Unsupported(graph.origin(name), rule, hint="flatten all dimensions, or none")
    return fitting[0]


def _is_wanted(graph: Graph, name: str, shape: Shape) -> bool:
    """Whether all that reads a node takes this shape, as far as it says."""
    wanted: Mapping[str, Shape | None] = {
        target: _takes(graph.nodes[target]) for source, target in graph.edges if source == name
    }
    return all(each is None or each == shape for each in wanted.values())


def _takes(node: Node) -> Shape | None:
    if kind(node) in ("Linear", "Affine"):
        return (np.shape(node.weight)[1],)
    if kind(node) in NEURONS:
        return next((s for p in PARAMETERS if (s := np.shape(getattr(node, p, 0.0))) and prod(s) > 1), None)
    return None
