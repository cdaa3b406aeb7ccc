"""Sorting: how many elements stand before each, and which of them is the first, the second, and so on.

All numbers on the way are small integers, and of two factors one is 0 or 1: nothing is rounded.
"""

from math import prod

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import Unsupported
from ....ir.layers import Layer
from ....ir.network import Activation, Shape
from .. import axis as axes
from ..arrangement import Arrangement, apart, arrangements
from ..builder import Builder
from ..operators.pointwise import multiplied
from ..operators.table import lowers
from ..views import Ids, NotPlanar
from ..weights import Weights

Matrix = NDArray[np.float32]

WEIGHTS_MAX = 2**16  # of the largest of the kernels


@lowers("TopK")
def top_k(builder: Builder, layer: Layer) -> None:
    """A constant number of finite elements, sorted, with indices: each is compared with every other."""
    ids = builder.operand(layer, 0)
    if not layer.integer("sorted", 1):
        raise Unsupported(layer.origin, "it does not sort", hint="set sorted to 1")
    kept = int(builder.constant(layer, 1).ravel()[0]) if layer.input(1) else layer.integer("k", 1)
    axis = layer.integer("axis", -1) % ids.ndim
    stack = _stack(builder, layer, ids, axis)
    group = stack.groups[0]
    before = [ids.shape[each] for each in group if each != axis]
    # Channels with the axis that is sorted behind the others.
    order = np.arange(stack.sizes[0]).reshape([ids.shape[each] for each in group])
    order = np.moveaxis(order, group.index(axis), -1).reshape(-1)
    maps = np.broadcast_to(stack.maps(ids), stack.sizes)[order]
    sort = _Sorting(builder, layer, maps, prod(before), ids.shape[axis])
    values, indices = sort.kept(kept, largest=bool(layer.integer("largest", 1)))
    shape = tuple(kept if each == axis else size for each, size in enumerate(ids.shape))
    made = Arrangement(shape, stack.groups)
    for name, found in zip(layer.outputs, (values, indices), strict=False):
        if name and builder.uses_left[name]:
            placed = np.moveaxis(
                found.reshape(*before, kept, *found.shape[1:]), len(before), group.index(axis)
            )
            builder.define(name, made.tensor(placed.reshape(made.sizes)))


class _Sorting:
    """The populations that sort channels [groups of `size`, H, W], group by group."""

    def __init__(self, builder: Builder, layer: Layer, maps: Ids, groups: int, size: int) -> None:
        self.builder, self.layer, self.maps = builder, layer, maps
        self.groups, self.size = groups, size

    def kept(self, count: int, *, largest: bool) -> tuple[Ids, Ids]:
        """The first elements of each group, and where they stood: of equal ones the first comes first."""
        size = self.size
        if size == 1:
            return self.maps, np.full_like(self.maps, -1)
        self._check(len(self.maps), size * (size - 1) // 2)  # before pairs are listed
        low, high = np.triu_indices(size, 1)
        pairs = np.arange(len(low))
        apart_ = np.zeros((len(low), size), np.float32)
        apart_[pairs, high], apart_[pairs, low] = (1, -1) if largest else (-1, 1)
        signs = self._made(self.maps, apart_, Activation.SIGN)
        overtakes = self._made(signs, np.eye(len(low), dtype=np.float32), Activation.RELU)
        overtaken = np.zeros((size, len(low)), np.float32)
        overtaken[low, pairs], overtaken[high, pairs] = 1, -1
        ranks = self._made(overtakes, overtaken, bias=np.arange(size, dtype=np.float32))
        # For each rank, which element has it: 1 there, 0 elsewhere.
        every = np.tile(np.eye(size, dtype=np.float32), (count, 1))
        wanted = np.repeat(np.arange(count, dtype=np.float32), size)
        distance = self._made(ranks, every, Activation.ABSOLUTE, -wanted)
        alone = -np.eye(count * size, dtype=np.float32)
        chosen = self._made(distance, alone, Activation.RELU, np.ones(count * size, np.float32))
        of_rank = np.repeat(np.eye(count, dtype=np.float32), size, axis=1)
        indices = self._made(chosen, of_rank * np.tile(np.arange(size, dtype=np.float32), count))
        channels = np.arange(self.groups * size).reshape(self.groups, 1, size)
        repeated = self.maps[np.broadcast_to(channels, (self.groups, count, size)).ravel()]
        stack = Arrangement(chosen.shape, ((0,), (1,), (2,)))
        products = self.builder.ids(multiplied(self.builder, self.layer, stack, repeated, chosen))
        return self._made(products, of_rank), indices

    def _check(self, channels: int, results: int) -> None:
        """Raises Unsupported where a step has too many weights."""
        if channels * results > WEIGHTS_MAX:
            rule = f"its {self.size} elements, each compared with every other, take too many synapses"
            raise Unsupported(self.layer.origin, rule, hint=f"{WEIGHTS_MAX} for each step are the most")

    def _made(
        self,
        maps: Ids,
        matrix: Matrix,
        activation: Activation = Activation.IDENTITY,
        bias: Matrix | None = None,
    ) -> Ids:
        """A population that hears a product of each group with a matrix [results, channels]."""
        results, _ = matrix.shape
        _, height, width = maps.shape
        self._check(len(maps), results)
        tiled = None if bias is None else np.tile(bias, self.groups)
        shape = Shape(self.groups * results, height, width)
        target = self.builder.add(self.layer, shape, activation=activation, bias=tiled)
        values = np.tile(matrix.T, (self.groups, 1))[:, :, None, None]
        first = np.repeat(np.arange(self.groups) * results, matrix.shape[1])
        y, x = axes.identity(height), axes.identity(width)
        self.builder.project(self.layer, maps, target, y, x, Weights(values, first))
        return self.builder.ids(target)


def _stack(builder: Builder, layer: Layer, ids: Ids, axis: int) -> Arrangement:
    """The first arrangement in which the axis lies along channels and the operand is planar."""
    for others in (arrangements(ids.shape), apart(ids.shape)):
        for stack in others:
            if axis not in stack.groups[0]:
                continue
            try:
                builder.neurons.planes(stack.maps(ids))
            except NotPlanar:
                continue
            return stack
    rule = f"its input {list(ids.shape)} is no stack of feature maps, with axis {axis} along channels"
    raise Unsupported(layer.origin, rule, hint="sort along channels")
