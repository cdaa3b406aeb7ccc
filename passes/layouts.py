"""Layouts: how the host lays an input onto its population, as the image says neuron by neuron.

A picture [1, D, H, W] lies as it is, or channels last where the network begins by moving them. Any other
input is tried in several ways, and the one whose network has the fewest projections is taken.
"""

from collections.abc import Callable, Iterator
from math import prod

from ..ir.layers import LayerGraph, Value
from .arrangement import Arrangement, arrangements

Layout = Callable[[LayerGraph, Value], Arrangement]

TRIED_MOST = 65_536  # elements of the inputs of a network that is lowered several times


def layouts(graph: LayerGraph) -> Iterator[Layout]:
    """The layouts to try for a network's inputs."""
    yield natural
    odd = [value for value in graph.inputs if not _is_picture(value)]
    if odd and sum(prod(value.shape) for value in graph.inputs) <= TRIED_MOST:
        yield _last
        yield _middle
        yield _flat


def natural(graph: LayerGraph, value: Value) -> Arrangement:
    """Channels first, or last when the network begins by moving them (tf2onnx's Transpose)."""
    rank = len(value.shape)
    if rank == 4 and value.shape[0] == 1:
        first = [layer for layer in graph.layers if value.name in layer.inputs]
        if first and all(
            layer.op == "Transpose" and layer.integers("perm") == (0, 3, 1, 2) for layer in first
        ):
            return Arrangement(value.shape, ((0, 3), (1,), (2,)))
    if rank == 3 and value.shape[0] == 1:
        return Arrangement(value.shape, ((0, 1), (), (2,)))
    return next(arrangements(value.shape))


def _last(graph: LayerGraph, value: Value) -> Arrangement:
    """The last axis is the channels'."""
    if _is_picture(value):
        return natural(graph, value)
    rank = len(value.shape)
    head = tuple(range(rank - 1))
    return Arrangement(value.shape, (tuple(range(rank))[-1:], head[:-1], head[-1:]))


def _middle(graph: LayerGraph, value: Value) -> Arrangement:
    """The second axis is the channels', the first and those behind it are pixels."""
    if _is_picture(value) or len(value.shape) < 2:
        return natural(graph, value)
    return Arrangement(value.shape, ((1,), (0,), tuple(range(2, len(value.shape)))))


def _flat(graph: LayerGraph, value: Value) -> Arrangement:
    """Every element is a channel of its own."""
    if _is_picture(value):
        return natural(graph, value)
    return Arrangement(value.shape, (tuple(range(len(value.shape))), (), ()))


def _is_picture(value: Value) -> bool:
    return len(value.shape) in (2, 3, 4) and value.shape[0] == 1
