"""Reductions: sums, means and largest values along any axes of a tensor."""

import math
from math import prod

import numpy as np

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Shape, Update
from .. import axis
from ..arrangement import PLANES_MANY, Arrangement, apart, arrangements
from ..builder import Builder
from ..views import Ids, NotPlanar
from ..weights import ones
from .table import lowers


@lowers("GlobalAveragePool")
def global_average_pool(builder: Builder, layer: Layer) -> None:
    """Any map size: one kernel of ones."""
    ids = builder.operand(layer, 0)
    _reduce(builder, layer, tuple(range(2, ids.ndim)), mean=True)


@lowers("GlobalMaxPool")
def global_max_pool(builder: Builder, layer: Layer) -> None:
    """Any map size."""
    _largest(builder, layer, tuple(range(2, builder.operand(layer, 0).ndim)), Update.MAXIMUM)


@lowers("ReduceMean")
def reduce_mean(builder: Builder, layer: Layer) -> None:
    """Along any constant axes."""
    _reduce(builder, layer, _axes(builder, layer), mean=True)


@lowers("ReduceSum")
def reduce_sum(builder: Builder, layer: Layer) -> None:
    """Along any constant axes."""
    _reduce(builder, layer, _axes(builder, layer), mean=False)


@lowers("ReduceMax")
def reduce_max(builder: Builder, layer: Layer) -> None:
    """Along any constant axes."""
    _largest(builder, layer, _axes(builder, layer), Update.MAXIMUM)


@lowers("ReduceMin")
def reduce_min(builder: Builder, layer: Layer) -> None:
    """Along any constant axes."""
    _largest(builder, layer, _axes(builder, layer), Update.MINIMUM)


@lowers("ReduceProd")
def reduce_prod(builder: Builder, layer: Layer) -> None:
    """Along any constant axes: factor by factor."""
    ids = builder.operand(layer, 0)
    _reduced(builder, layer, ids, _axes(builder, layer), Update.MULTIPLY, initial=1.0)


def _axes(builder: Builder, layer: Layer) -> tuple[int, ...]:
    """Attributes before opset 13 or 18, a constant input since; none are all, or no reduction."""
    axes = layer.integers("axes")
    if layer.input(1):
        axes = tuple(int(v) for v in builder.constant(layer, 1).ravel())
    rank = builder.operand(layer, 0).ndim
    if not axes and not layer.integer("noop_with_empty_axes", 0):
        axes = tuple(range(rank))
    return tuple(sorted(a % rank for a in axes))


def _reduce(builder: Builder, layer: Layer, axes: tuple[int, ...], *, mean: bool) -> None:
    ids = builder.operand(layer, 0)
    scale = 1.0 / prod(ids.shape[a] for a in axes) if mean else 1.0
    _reduced(builder, layer, ids, axes, Update.ADD, scale=scale)


def _largest(builder: Builder, layer: Layer, axes: tuple[int, ...], update: Update) -> None:
    ids = builder.operand(layer, 0)
    populations = builder.neurons.populations(ids)
    if update is Update.MAXIMUM and not any(builder.can_be_negative(p) for p in populations):
        _reduced(builder, layer, ids, axes, update)
        return
    initial = -math.inf if update is Update.MAXIMUM else math.inf
    _reduced(builder, layer, ids, axes, update, initial=initial)


def _reduced(
    builder: Builder,
    layer: Layer,
    ids: Ids,
    axes: tuple[int, ...],
    update: Update,
    scale: float = 1.0,
    initial: float = 0.0,
) -> None:
    """A population in which each neuron hears all that it is the sum, the product or the largest of."""
    stack = _stack(builder, layer, ids, axes)
    maps = np.broadcast_to(stack.maps(ids), stack.sizes)
    if initial:
        maps = builder.heard(layer, maps)
    depth, height, width = stack.sizes
    kept = [[a for a in group if a not in axes] for group in stack.groups]
    d, h, w = (prod(ids.shape[a] for a in group) for group in kept)
    first = _places([ids.shape[a] for a in stack.groups[0]], [a in axes for a in stack.groups[0]])
    weights = ones(depth, first)
    target = builder.add(layer, Shape(d, h, w), scale=scale, initial=initial)
    y = axis.identity(height) if kept[1] == list(stack.groups[1]) else axis.pooled(axis.gathered(height))
    x = axis.identity(width) if kept[2] == list(stack.groups[2]) else axis.pooled(axis.gathered(width))
    builder.project(layer, maps, target, y, x, weights, update)
    shape = tuple(1 if a in axes else n for a, n in enumerate(ids.shape))
    builder.define(layer.outputs[0], Arrangement(shape, stack.groups).tensor(builder.ids(target)))


def _stack(builder: Builder, layer: Layer, ids: Ids, axes: tuple[int, ...]) -> Arrangement:
    """Rows and columns are kept whole, or reduced whole; the arrangement of the fewest planes."""
    found: tuple[int, Arrangement] | None = None
    least = max(len(builder.neurons.populations(ids)), 1)
    for others in (arrangements(ids.shape), apart(ids.shape)):
        for stack in others:
            if any(len({a in axes for a in group if ids.shape[a] > 1}) > 1 for group in stack.groups[1:]):
                continue
            try:
                planes = len(builder.neurons.planes(stack.maps(ids)))
            except NotPlanar:
                continue
            if found is None or planes < found[0]:
                found = planes, stack
            if planes <= least:
                break
        if found is not None and found[0] <= PLANES_MANY:
            break
    if found is None:
        raise Unsupported(
            layer.origin,
            f"its input {list(ids.shape)} is no stack of feature maps",
            hint="keep channels, rows and columns apart before this layer",
        )
    return found[1]


def _places(sizes: list[int], reduced: list[bool]) -> Ids:
    """For each channel of several axes the channel that is left of it when some of them are reduced."""
    index = np.indices(sizes).reshape(len(sizes), -1) if sizes else np.zeros((0, 1), dtype=np.int64)
    found = np.zeros(index.shape[1], dtype=np.int64)
    for place, size, gone in zip(index, sizes, reduced, strict=True):
        found = found if gone else found * size + place
    return found
