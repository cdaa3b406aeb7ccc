"""Arrangements: how the axes of a tensor lie as channels, rows and columns of feature maps.

A layer that works element by element may choose: in the order of the axes, channels last, or as the
populations of one of its operands already lie. The one that takes the fewest projections is taken.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .views import PLANES_MAX, Ids, Neurons, NotPlanar

CHANNELS_MOST = 4096  # elements of a tensor that may become channels of their own
PLANES_MANY = 64  # from where on rows and columns are looked for among axes that are no neighbours, too
SEARCHED_MAX = 2**24  # elements of a tensor for which other arrangements than the first two are looked at


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A tensor of some shape as one stack of maps; `groups` lists the axes of channels, rows and columns."""

    shape: tuple[int, ...]
    groups: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """D, H and W."""
        d, h, w = (prod(self.shape[a] for a in group) for group in self.groups)
        return d, h, w

    def maps(self, array: NDArray[Any]) -> NDArray[Any]:
        """A tensor, or what is broadcast to it, as a stack of maps; one map where all are the same."""
        axes = [a for group in self.groups for a in group]
        found = np.broadcast_to(array, self.shape).transpose(axes).reshape(self.sizes)
        return found[:1] if len(found) > 1 and (found == found[:1]).all() else found

    def tensor(self, maps: Ids) -> Ids:
        """A stack of maps [D, H, W] as a tensor again."""
        axes = [a for group in self.groups for a in group]
        return maps.reshape([self.shape[a] for a in axes]).transpose(np.argsort(axes))


@dataclass(frozen=True, slots=True, eq=False)
class Scattered:
    """A tensor of some shape as one stack of maps; `places` [D, H, W] are the elements' flat positions."""

    shape: tuple[int, ...]
    places: Ids

    @property
    def sizes(self) -> tuple[int, int, int]:
        """D, H and W."""
        d, h, w = self.places.shape
        return d, h, w

    def maps(self, array: NDArray[Any]) -> NDArray[Any]:
        """A tensor, or what is broadcast to it, as a stack of maps; one map where all are the same."""
        found = np.broadcast_to(array, self.shape).reshape(-1)[self.places]
        return found[:1] if len(found) > 1 and (found == found[:1]).all() else found

    def tensor(self, maps: Ids) -> Ids:
        """A stack of maps [D, H, W] as a tensor again."""
        found = np.full(prod(self.shape), -1, dtype=np.int64)
        found[self.places.ravel()] = maps.ravel()
        return found.reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Phases:
    """A picture [1, D, H, W] or [1, D, W] whose every `step_y`-th row and `step_x`-th column is a map.

    A stride of that many rows and columns is a stride of 1 in each of these maps. The last row and column of
    a map may be no part of the picture.
    """

    shape: tuple[int, ...]
    step_y: int
    step_x: int

    @property
    def _picture(self) -> tuple[int, int, int]:
        """D, H and W of the picture."""
        return self.shape[1], prod(self.shape[2:-1]), self.shape[-1]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """D, H and W of the maps."""
        d, h, w = self._picture
        return d * self.step_y * self.step_x, -(-h // self.step_y), -(-w // self.step_x)

    def tensor(self, maps: Ids) -> Ids:
        """A stack of maps [D, H, W] as the picture again."""
        d, h, w = self._picture
        _, rows, columns = self.sizes
        split = maps.reshape(d, self.step_y, self.step_x, rows, columns).transpose(0, 3, 1, 4, 2)
        return split.reshape(d, rows * self.step_y, columns * self.step_x)[:, :h, :w].reshape(self.shape)


Stack = Arrangement | Scattered


def arrangements(shape: tuple[int, ...]) -> Iterator[Arrangement]:
    """The ways to make channels, rows and columns of a tensor's axes, the most natural first."""
    rank = len(shape)
    every = tuple(range(rank))
    whole = {a for a in every if shape[a] > 1}
    if rank == 3 and shape[0] == 1:
        yield Arrangement(shape, ((0, 1), (), (2,)))
    if rank >= 4 or (rank == 3 and shape[0] > 1):
        first = [(rank - 2, rank - 1)]
        for y, x in first + [pair for pair in pairwise(every) if pair not in first]:
            yield Arrangement(shape, (tuple(a for a in every if a not in (y, x)), (y,), (x,)))
    if rank >= 3 or (rank == 2 and shape[0] > 1):
        for x in sorted(whole, reverse=True):
            yield Arrangement(shape, (tuple(a for a in every if a != x), (), (x,)))
    if prod(shape) <= CHANNELS_MOST or rank < 3:
        yield Arrangement(shape, (every, (), ()))


def apart(shape: tuple[int, ...]) -> Iterator[Arrangement]:
    """The ways to make rows and columns of two axes that do not follow each other."""
    every = tuple(range(len(shape)))
    for y, x in permutations((a for a in every if shape[a] > 1), 2):
        if x != y + 1:
            yield Arrangement(shape, (tuple(a for a in every if a not in (y, x)), (y,), (x,)))


def like(neurons: Neurons, ids: Ids) -> Scattered | None:
    """The arrangement in which a tensor is one population as it lies, or None."""
    populations = neurons.populations(ids)
    if len(populations) != 1 or not neurons.covers(ids, populations):
        return None
    shape = neurons.shapes[populations[0]]
    places = np.argsort(ids.ravel()).reshape(shape.depth, shape.height, shape.width)
    return Scattered(ids.shape, places)


def best(neurons: Neurons, shape: tuple[int, ...], operands: Sequence[Ids]) -> Stack | None:
    """The arrangement in which the operands are the fewest planes, or None."""
    least = sum(max(len(neurons.populations(ids)), 1) for ids in operands)
    full = (ids for ids in operands if ids.shape == shape)
    alike = [stack for stack in (like(neurons, ids) for ids in full) if stack is not None]
    natural = list(arrangements(shape))
    others = natural[2:] if prod(shape) <= SEARCHED_MAX else []
    stacks: list[Stack] = [*natural[:2], *alike, *others]
    # Those that are alike are counted at once, and then it soon shows that others take more.
    order = sorted(range(len(stacks)), key=lambda rank: isinstance(stacks[rank], Arrangement))
    found = _fewest(neurons, stacks, order, operands, least, None)
    if (found is None or found[0] > PLANES_MANY) and prod(shape) <= SEARCHED_MAX:
        first = len(stacks)
        stacks += apart(shape)
        found = _fewest(neurons, stacks, range(first, len(stacks)), operands, least, found)
    return None if found is None else stacks[found[1]]


def _fewest(
    neurons: Neurons,
    stacks: Sequence[Stack],
    order: Iterable[int],
    operands: Sequence[Ids],
    least: int,
    found: tuple[int, int] | None,
) -> tuple[int, int] | None:
    """The fewest planes, and the first of the stacks with so many; `found`: of those tried before."""
    for rank in order:
        most = PLANES_MAX * len(operands) if found is None else found[0] - (rank > found[1])
        planes = _planes(neurons, stacks[rank], operands, most) if most >= least else None
        if planes is not None:
            found = planes, rank
    return found


def _planes(neurons: Neurons, stack: Stack, operands: Sequence[Ids], most: int) -> int | None:
    """How many planes the operands are as stacks of maps, or None for more than `most` or too many of one."""
    planes = 0
    try:
        for ids in operands:
            planes += len(neurons.planes(stack.maps(ids), min(PLANES_MAX, most - planes)))
    except NotPlanar:
        return None
    return planes if planes <= most else None
