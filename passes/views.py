"""Views: what a tensor's elements are, neuron by neuron.

In lowering, the value of a tensor is an array of neuron numbers in the tensor's shape; -1 is a constant
zero. So Reshape, Transpose, Concat, Split, Slice, Pad and the like are numpy operations on numbers and cost
nothing on the chip. `planes` finds the feature maps again: which channels of which population a stack of
maps is made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir.network import Piece, PopulationId, Shape

Ids = NDArray[np.int64]


class NotPlanar(Exception):
    """A stack of maps is no arrangement of whole feature maps: it mixes neurons across rows, columns or
    channels.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Channels of one population that lie in a stack of maps at the same rows and columns.

    Map `channels[i]` of the stack is channel `source_channels[i]`; row y of it is the population's row
    `rows[y]`, column x its column `columns[x]`; -1 where the stack holds zeros.
    """

    population: PopulationId
    channels: Ids
    source_channels: Ids
    rows: Ids
    columns: Ids


class Neurons:
    """The numbering of all neurons: population after population, in (channel, row, column) order."""

    def __init__(self) -> None:
        self.bases: list[int] = []
        self.shapes: list[Shape] = []
        self.count = 0

    def add(self, shape: Shape) -> Ids:
        """The numbers of a new population's neurons, as [D, H, W]."""
        self.bases.append(self.count)
        self.shapes.append(shape)
        self.count += shape.neurons
        first = self.bases[-1]
        return np.arange(first, self.count, dtype=np.int64).reshape(shape.depth, shape.height, shape.width)

    def populations(self, ids: Ids) -> list[PopulationId]:
        """The populations that a view names, in order."""
        one = self.whole(ids)
        if one is not None:
            return [one]
        named, low = self._named(ids)
        numbers = np.flatnonzero(named) + low
        found = np.searchsorted(self.bases, numbers, side="right") - 1
        return [PopulationId(int(p)) for p in np.flatnonzero(np.bincount(found))] if len(found) else []

    def covers(self, ids: Ids, populations: Sequence[PopulationId]) -> bool:
        """Whether a view names every neuron of these populations, each once, and nothing else."""
        if ids.size != sum(self.shapes[p].neurons for p in populations):
            return False
        return self.whole(ids) is not None or int(self._named(ids)[0].sum()) == ids.size

    def whole(self, ids: Ids) -> PopulationId | None:
        """The population whose neurons a view lists, all of them and in their order, or None."""
        first = int(ids.flat[0]) if ids.size else -1
        if first < 0:
            return None
        index = int(np.searchsorted(self.bases, first, side="right") - 1)
        if first != self.bases[index] or ids.size != self.shapes[index].neurons:
            return None
        return (
            PopulationId(index) if np.array_equal(ids.ravel(), np.arange(first, first + ids.size)) else None
        )

    def _named(self, ids: Ids) -> tuple[NDArray[np.bool_], int]:
        """Which neurons from the first that a view names to the last it does name, and the first's number."""
        flat = ids.ravel()
        flat = flat[flat >= 0]
        if not len(flat):
            return np.zeros(0, dtype=np.bool_), 0
        low = int(flat.min())
        named = np.zeros(int(flat.max()) - low + 1, dtype=np.bool_)
        named[flat - low] = True
        return named, low

    def planes(self, ids: Ids) -> list[Plane]:
        """What a stack [D, H, W] of maps is made of. Raises NotPlanar."""
        whole = self.whole(ids)
        if whole is not None and ids.shape[1:] == (self.shapes[whole].height, self.shapes[whole].width):
            d, h, w = ids.shape
            return [Plane(whole, np.arange(d), np.arange(d), np.arange(h), np.arange(w))]
        valid = ids >= 0
        pop = np.searchsorted(self.bases, ids, side="right") - 1
        base = np.array(self.bases)[pop]
        width = np.array([s.width for s in self.shapes])[pop]
        area = np.array([s.width * s.height for s in self.shapes])[pop]
        local = ids - base
        channel, row, column = local // area, local % area // width, local % width
        pops = _same(pop, valid, (1, 2))
        channels = _same(channel, valid, (1, 2))
        rows, columns = _same(row, valid, (2,)), _same(column, valid, (1,))
        if not np.array_equal(valid, (rows >= 0)[:, :, None] & (columns >= 0)[:, None, :]):
            raise NotPlanar
        groups: dict[tuple[int, bytes, bytes], list[int]] = {}
        for c in range(len(ids)):
            if pops[c] >= 0:
                groups.setdefault((int(pops[c]), rows[c].tobytes(), columns[c].tobytes()), []).append(c)
        planes = []
        for (population, _, _), members in groups.items():
            rest = np.array(members, dtype=np.int64)
            while len(rest):  # a channel that stands in the stack twice makes a plane of its own
                _, once = np.unique(channels[rest], return_index=True)
                now = rest[np.sort(once)]
                planes.append(
                    Plane(PopulationId(population), now, channels[now], rows[now[0]], columns[now[0]])
                )
                rest = np.setdiff1d(rest, now)
        return planes

    def pieces(self, ids: Ids) -> tuple[Piece, ...]:
        """The boxes of neurons that a tensor's elements are: a whole map a box where steps are even."""
        whole = self.whole(ids)
        if whole is not None:
            d, h, w = self.shapes[whole].depth, self.shapes[whole].height, self.shapes[whole].width
            return (Piece(whole, 0, 0, 0, d, h, w, 0, h * w, w, 1),)
        flat = ids.ravel()
        element = np.flatnonzero(flat >= 0)
        numbers = flat[element]
        pop = np.searchsorted(self.bases, numbers, side="right") - 1
        found: list[Piece] = []
        for index in np.unique(pop):
            shape = self.shapes[index]
            mine = pop == index
            local, where = numbers[mine] - self.bases[index], element[mine]
            while len(local):  # a neuron that is named twice comes again in the next round
                _, once = np.unique(local, return_index=True)
                table = np.full(shape.neurons, -1, dtype=np.int64)
                table[local[once]] = where[once]
                found += _boxes(
                    PopulationId(int(index)), table.reshape(shape.depth, shape.height, shape.width)
                )
                rest = np.setdiff1d(np.arange(len(local)), once)
                local, where = local[rest], where[rest]
        return tuple(found)


def _same(values: Ids, valid: NDArray[np.bool_], axes: tuple[int, ...]) -> Ids:
    """The one value along axes, -1 where none is valid. Raises NotPlanar when there are several."""
    high = np.where(valid, values, -1).max(axis=axes)
    low = np.where(valid, values, np.iinfo(np.int64).max).min(axis=axes)
    if (low[high >= 0] != high[high >= 0]).any():
        raise NotPlanar
    return np.asarray(high)


def _boxes(population: PopulationId, elements: Ids) -> list[Piece]:
    """Boxes with even steps that cover the named neurons; `elements` [D, H, W] is -1 where none is named."""
    whole = _box(population, elements, 0)
    if whole is not None:
        return [whole]
    boxes: list[Piece] = []
    for c in range(len(elements)):
        box = _box(population, elements[c : c + 1], c)
        if box is not None:
            last = boxes[-1] if boxes else None
            if last is not None and _extends(last, box):
                step = box.base - last.base if last.depth == 1 else last.step_c
                boxes[-1] = Piece(
                    population,
                    last.c0,
                    box.y0,
                    box.x0,
                    last.depth + 1,
                    box.height,
                    box.width,
                    last.base,
                    step,
                    box.step_y,
                    box.step_x,
                )
            else:
                boxes.append(box)
            continue
        for y, x in np.argwhere(elements[c] >= 0):
            boxes.append(Piece(population, c, int(y), int(x), 1, 1, 1, int(elements[c, y, x]), 0, 0, 0))
    return boxes


def _extends(last: Piece, box: Piece) -> bool:
    same = (last.y0, last.x0, last.height, last.width, last.step_y, last.step_x) == (
        box.y0,
        box.x0,
        box.height,
        box.width,
        box.step_y,
        box.step_x,
    )
    step_fits = last.depth == 1 or box.base == last.base + last.depth * last.step_c
    return same and box.c0 == last.c0 + last.depth and step_fits


def _box(population: PopulationId, elements: Ids, c0: int) -> Piece | None:
    """The box that the named neurons fill with even steps, or None."""
    named = np.argwhere(elements >= 0)
    if not len(named):
        return None
    low, high = named.min(axis=0), named.max(axis=0) + 1
    box = elements[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    if (box < 0).any():
        return None
    base = int(box[0, 0, 0])
    steps = [int(np.take(box, 1, axis=a).flat[0]) - base if box.shape[a] > 1 else 0 for a in range(3)]
    c, y, x = np.ogrid[: box.shape[0], : box.shape[1], : box.shape[2]]
    if not np.array_equal(box, base + c * steps[0] + y * steps[1] + x * steps[2]):
        return None
    d, h, w = (int(n) for n in box.shape)
    return Piece(population, c0 + int(low[0]), int(low[1]), int(low[2]), d, h, w, base, *steps)
