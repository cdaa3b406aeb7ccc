"""Layouts: how the host lays the inputs onto populations, as the image says neuron by neuron.

A picture [1, D, H, W] lies as it is, or in phases where its readers begin with a stride that no shift can
express. Where views stand between an input and what reads it, these are laid, each as its reader wants it, or
the input itself. Any other input is tried in several ways. The network of the fewest projections is taken.
"""

from collections.abc import Callable, Iterator
from math import prod

import numpy as np

from ...ir.layers import LayerGraph, Value
from ...ir.network import STRIDES
from .arrangement import Arrangement, Phases, arrangements
from .feeds import Feeds, Layout, is_distinct
from .readers import FirstReaders

Order = Callable[[LayerGraph, Value], Arrangement | Phases]

TRIED_MOST = 65_536  # elements of the inputs of a network that is lowered several times
FOLLOWED_MOST = 2**24  # elements of the inputs whose views are followed
READ_MOST = 256  # tensors that are laid: each is compared with the others
WINDOWS = ("Conv", "MaxPool", "AveragePool")
PHASES_MOST = 256  # each is a projection and a table of its own


def layouts(graph: LayerGraph) -> Iterator[Layout]:
    """The layouts to try for a network's inputs."""
    as_they_are = _inputs(graph, natural)
    size = sum(prod(value.shape) for value in graph.inputs)
    as_read = _as_read(graph) if size <= FOLLOWED_MOST else None
    if as_read is not None and not as_read.is_as(as_they_are):
        yield as_read
    yield as_they_are
    odd = [value for value in graph.inputs if not _is_picture(value)]
    if odd and size <= TRIED_MOST:
        for order in (_last, _middle, _flat):
            yield _inputs(graph, order)


def _inputs(graph: LayerGraph, order: Order) -> Layout:
    """Every input in one population."""
    feeds = Feeds(graph.inputs)
    for index in range(len(graph.inputs)):
        _lay_input(feeds, graph, order, index)
    return feeds.layout(is_wanted=False)


def _lay_input(feeds: Feeds, graph: LayerGraph, order: Order, index: int) -> None:
    value, first = graph.inputs[index], feeds.firsts[index]
    feeds.lay(value.name, first + np.arange(prod(value.shape)).reshape(value.shape), order(graph, value))


def _as_read(graph: LayerGraph) -> Layout | None:
    """What the first layers read lies as they want it; what may lie in any order, shares neurons."""
    readers = FirstReaders(graph)
    if len(readers.read) > READ_MOST:
        return None
    feeds = Feeds(graph.inputs)
    large_first = sorted(readers.read, key=lambda name: -readers.elements[name].size)
    is_wanted, anyhow = True, []
    for name in large_first:
        elements, wish = readers.elements[name], readers.wish(name)
        if elements.max(initial=-1) < 0:
            feeds.views[name] = elements
        elif name in readers.as_maps or (wish is None and name not in readers.in_any_order):
            is_wanted &= name in readers.as_maps
            feeds.lay(name, elements, natural(graph, graph.values[name]))
        elif wish is None and is_distinct(elements):
            anyhow.append(name)
        else:
            feeds.lay(name, elements, wish or natural(graph, graph.values[name]))
    for name in anyhow:
        if not feeds.share(name, readers.elements[name]):
            for index in feeds.lacking(readers.elements[name]):
                _lay_input(feeds, graph, natural, index)
            feeds.share(name, readers.elements[name])
    for index in feeds.unfed():
        _lay_input(feeds, graph, natural, index)
    return feeds.layout(is_wanted=is_wanted)


def natural(graph: LayerGraph, value: Value) -> Arrangement | Phases:
    """Channels first, or last when the network begins by moving them (tf2onnx's Transpose), or in phases."""
    rank = len(value.shape)
    steps = _odd_steps(graph, value)
    if steps is not None:
        return Phases(value.shape, *steps)
    if rank == 4 and value.shape[0] == 1:
        first = [layer for layer in graph.layers if value.name in layer.inputs]
        if first and all(
            layer.op == "Transpose" and layer.integers("perm") == (0, 3, 1, 2) for layer in first
        ):
            return Arrangement(value.shape, ((0, 3), (1,), (2,)))
    if rank == 3 and value.shape[0] == 1:
        return Arrangement(value.shape, ((0, 1), (), (2,)))
    return next(arrangements(value.shape))


def _odd_steps(graph: LayerGraph, value: Value) -> tuple[int, int] | None:
    """The strides in y and x of the windows that alone read a picture, 1 for those that words can say.

    None where they can say both: those of `STRIDES`, and with identity layers the multiples of the square of
    the largest. One row or column is laid in phases for these, too: identity layers would have to be many
    times as long as the result. What a target makes of the strides that words can say does not matter here.
    """
    readers = [layer for layer in graph.layers if value.name in layer.inputs]
    if not _is_picture(value) or not readers or any(layer.op not in WINDOWS for layer in readers):
        return None
    rank = len(value.shape) - 2
    strides = {layer.integers("strides", (1,) * rank) for layer in readers}
    if len(strides) > 1 or value.name in (output.name for output in graph.outputs):
        return None
    is_line = 1 in (1, *value.shape[2:])[-2:]
    y, x = (
        1 if step in STRIDES or (step % STRIDES[-1] ** 2 == 0 and not is_line) else step
        for step in (1, 1, *strides.pop())[-2:]
    )
    return (y, x) if 1 < y * x <= PHASES_MOST else None


def _last(graph: LayerGraph, value: Value) -> Arrangement | Phases:
    """The last axis is the channels'."""
    if _is_picture(value):
        return natural(graph, value)
    rank = len(value.shape)
    head = tuple(range(rank - 1))
    return Arrangement(value.shape, (tuple(range(rank))[-1:], head[:-1], head[-1:]))


def _middle(graph: LayerGraph, value: Value) -> Arrangement | Phases:
    """The second axis is the channels', the first and those behind it are pixels."""
    if _is_picture(value) or len(value.shape) < 2:
        return natural(graph, value)
    return Arrangement(value.shape, ((1,), (0,), tuple(range(2, len(value.shape)))))


def _flat(graph: LayerGraph, value: Value) -> Arrangement | Phases:
    """Every element is a channel of its own."""
    if _is_picture(value):
        return natural(graph, value)
    return Arrangement(value.shape, (tuple(range(len(value.shape))), (), ()))


def _is_picture(value: Value) -> bool:
    return len(value.shape) in (2, 3, 4) and value.shape[0] == 1
