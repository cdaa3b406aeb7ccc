"""Views: what a tensor's elements are, neuron by neuron.

In lowering, the value of a tensor is an array of neuron numbers in the tensor's shape; -1 is a constant
zero. So Reshape, Transpose, Concat, Split, Slice, Pad and the like are numpy operations on numbers and cost
nothing on the chip. `planes` finds the feature maps again: which channels of which population a stack of
maps is made of.
"""

import math
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...ir.network import Piece, PopulationId, Shape
from .boxes import NOWHERE, PIECES_MAX, TooManyPieces, boxes, entire

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Each plane is a projection with a table and axons of its own: with more, no fragment has axons enough.
PLANES_MAX = 256
TABLES_MAX = 2**30  # elements of the tables in which pieces are looked for
ELEMENTS_AT_ONCE = 2**20  # of a stack whose sources are looked up


class NotPlanar(Exception):
    """A stack of maps is no arrangement of feature maps: rows, columns and channels are mixed too much."""


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

    def add(self, shape: Shape) -> PopulationId:
        """A new population's neurons get the next numbers."""
        self.bases.append(self.count)
        self.shapes.append(shape)
        self.count += shape.neurons
        return PopulationId(len(self.shapes) - 1)

    def ids(self, population: PopulationId) -> Ids:
        """The numbers of a population's neurons, as [D, H, W]."""
        shape, first = self.shapes[population], self.bases[population]
        numbers = np.arange(first, first + shape.neurons, dtype=np.int64)
        return numbers.reshape(shape.depth, shape.height, shape.width)

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

    def planes(self, ids: Ids, most: int = PLANES_MAX) -> list[Plane]:
        """What a stack [D, H, W] of maps is made of. Raises NotPlanar for more than `most` planes."""
        whole = self.whole(ids)
        if whole is not None and ids.shape[1:] == (self.shapes[whole].height, self.shapes[whole].width):
            d, h, w = ids.shape
            return [Plane(whole, np.arange(d), np.arange(d), np.arange(h), np.arange(w))]
        groups: dict[tuple[PopulationId, bytes, bytes], list[Ids]] = {}
        step = max(1, ELEMENTS_AT_ONCE // max(1, ids.shape[1] * ids.shape[2]))
        for first in range(0, len(ids), step):
            for maps, population, channels, rows, columns in self._sources(ids[first : first + step]):
                lines = population, rows.tobytes(), columns.tobytes()
                groups.setdefault(lines, []).append(np.column_stack([first + maps, channels]))
                if len(groups) > most:
                    raise NotPlanar
        planes: list[Plane] = []
        for (population, rows_of, columns_of), members in groups.items():
            rows, columns = (np.frombuffer(line, dtype=np.int64) for line in (rows_of, columns_of))
            rest = np.concatenate(members)
            rest = rest[np.argsort(rest[:, 0], kind="stable")]
            # a channel that stands in the stack twice makes a plane of its own
            turn = turns(rest[:, 1])
            if len(planes) + turn.max() >= most:
                raise NotPlanar
            for each in range(turn.max() + 1):
                now = rest[turn == each]
                planes.append(Plane(population, now[:, 0], now[:, 1], rows, columns))
        return planes

    def is_in_phases(self, ids: Ids) -> bool:
        """Whether neighbours of a population lie apart in a stack of maps: every second, or third,
        row or column of it.
        """
        try:
            planes = self.planes(ids)
        except NotPlanar:
            return False
        for plane in planes:
            for line in (plane.rows, plane.columns):
                places = np.flatnonzero(line >= 0)
                if (np.diff(places) > 1).any() and (np.diff(line[places]) == 1).all():
                    return True
        return False

    def _sources(self, ids: Ids) -> Iterator[tuple[Ids, PopulationId, Ids, Ids, Ids]]:
        """What the maps of a stack are made of: their numbers, a population, each one's channel of it, rows
        and columns. A map without neurons is not listed, one that is mixed is listed part by part.
        """
        valid = ids >= 0
        pop = np.where(valid, np.searchsorted(self.bases, ids, side="right") - 1, 0)
        width = np.array([s.width for s in self.shapes])[pop]
        area = np.array([s.width * s.height for s in self.shapes])[pop]
        local = ids - np.array(self.bases)[pop]
        channel, row, column = local // area, local % area // width, local % width
        rows, columns = _lines(row, valid, 2), _lines(column, valid, 1)
        pops, channels = (np.where(valid, found, -1).max(axis=(1, 2)) for found in (pop, channel))
        known = (rows >= 0)[:, :, None] & (columns >= 0)[:, None, :]
        alike = (row == rows[:, :, None]) & (column == columns[:, None, :])
        alike &= (pop == pops[:, None, None]) & (channel == channels[:, None, None])
        is_plain = np.asarray(((valid == known) & (alike | ~valid)).all(axis=(1, 2)))
        plain = np.flatnonzero(is_plain & (pops >= 0))
        for maps in _equal(plain, pops[plain, None], rows[plain], columns[plain]):
            c = maps[0]
            yield maps, PopulationId(int(pops[c])), channels[maps], rows[c], columns[c]
        mixed = np.flatnonzero(~is_plain)
        facts = _mixtures(valid[mixed], *(fact[mixed] for fact in (pop, channel, row, column)))
        for maps in _equal(mixed, *facts):
            c = maps[0]
            for part in _parts(pop[c], channel[c], row[c], column[c], valid[c]):
                y, x = np.unravel_index(int(part.argmax()), part.shape)
                source = PopulationId(int(pop[c, y, x]))
                yield maps, source, channel[maps, y, x], _lines(row[c], part, 1), _lines(column[c], part, 0)

    def fed(self, population: PopulationId, elements: Ids) -> list[Piece]:
        """The boxes of a population [D, H, W] that take these elements; -1: none. Raises TooManyPieces."""
        if np.array_equal(elements.ravel(), np.arange(elements.size)):
            return [entire(population, self.shapes[population])]
        return boxes(population, elements)

    def pieces(self, ids: Ids) -> tuple[Piece, ...]:
        """The boxes of neurons that a tensor's elements are: a whole map a box where steps are even. Raises
        TooManyPieces.
        """
        whole = self.whole(ids)
        if whole is not None:
            return (entire(whole, self.shapes[whole]),)
        flat = ids.ravel()
        element = np.flatnonzero(flat >= 0)
        numbers = flat[element]
        pop = np.searchsorted(self.bases, numbers, side="right") - 1
        found: list[Piece] = []
        for index in np.flatnonzero(np.bincount(pop)):
            shape = self.shapes[index]
            mine = pop == index
            local, where = numbers[mine] - self.bases[index], element[mine]
            turns = int(np.bincount(local).max())  # a neuron that is named twice comes again
            if turns > PIECES_MAX or turns * (shape.neurons + len(local)) > TABLES_MAX:
                raise TooManyPieces
            while len(local):
                once = np.full(shape.neurons, -1, dtype=np.int64)
                # The last one written counts: the first element that names the neuron.
                once[local[::-1]] = np.arange(len(local))[::-1]
                table = np.where(once >= 0, where[once], -1)
                found += boxes(
                    PopulationId(int(index)), table.reshape(shape.depth, shape.height, shape.width)
                )
                if len(found) > PIECES_MAX:
                    raise TooManyPieces
                again = np.ones(len(local), dtype=np.bool_)
                again[once[once >= 0]] = False
                local, where = local[again], where[again]
        return tuple(found)


class Views(MutableMapping[str, Ids]):
    """What neurons each tensor is. Of what is `folded` into a whole population, the name alone is held: the
    numbers are listed when they are asked for.
    """

    def __init__(self, neurons: Neurons) -> None:
        self.neurons = neurons
        self._held: dict[str, Ids | tuple[PopulationId, tuple[int, ...]]] = {}

    def __getitem__(self, tensor: str) -> Ids:
        held = self._held[tensor]
        if not isinstance(held, tuple):
            return held
        population, shape = held
        return self.neurons.ids(population).reshape(shape)

    def __setitem__(self, tensor: str, ids: Ids) -> None:
        self._held[tensor] = ids

    def __delitem__(self, tensor: str) -> None:
        del self._held[tensor]

    def __contains__(self, tensor: object) -> bool:
        return tensor in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def fold(self, tensor: str) -> None:
        """Holds no numbers of a tensor that is a whole population."""
        held = self._held[tensor]
        if isinstance(held, tuple):
            return
        population = self.neurons.whole(held)
        if population is not None:
            self._held[tensor] = population, held.shape


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    """Maps [n, ...] as [n, neurons]."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


def turns(values: Ids) -> Ids:
    """How often each value has stood before it."""
    order = np.argsort(values, kind="stable")
    first = np.searchsorted(values[order], values[order])
    found = np.empty_like(values)
    found[order] = np.arange(len(values)) - first
    return found


def _mixtures(valid: Mask, pop: Ids, channel: Ids, row: Ids, column: Ids) -> tuple[Ids, ...]:
    """What maps have in common that are mixed alike, each from channels of its own."""
    first = _flat(valid).argmax(axis=1)[:, None]
    apart = channel - np.take_along_axis(_flat(channel), first, axis=1)[:, :, None]
    return tuple(np.where(valid, fact, NOWHERE) for fact in (pop, apart, row, column))


def _equal(maps: Ids, *facts: Ids) -> Iterator[Ids]:
    """The maps, those together of which all facts [maps, ...] are the same."""
    table = np.column_stack([_flat(fact) for fact in facts])
    if len(table) and (table == table[0]).all():
        return iter([maps])
    found: dict[bytes, list[int]] = {}
    for c, row in zip(maps.tolist(), table, strict=True):
        found.setdefault(row.tobytes(), []).append(c)
    return (np.array(members, dtype=np.int64) for members in found.values())


def _parts(pop: Ids, channel: Ids, row: Ids, column: Ids, valid: Mask) -> Iterator[Mask]:
    """Which neurons of one map [H, W] come from one channel, row by row and column by column.

    A channel whose rows or columns are not kept together is taken apart, into rows that are alike. Every part
    is a plane: raises NotPlanar where there are too many.
    """
    for mask in _alike(pop, channel, valid):
        rows, columns = np.asarray(mask.any(axis=1)), np.asarray(mask.any(axis=0))
        if (
            np.array_equal(mask, np.logical_and.outer(rows, columns))
            and _agree(row, mask, 1)
            and _agree(column, mask, 0)
        ):
            yield mask
            continue
        lines: dict[tuple[bytes, bytes], tuple[Mask, list[int]]] = {}
        for y in np.flatnonzero(rows):
            for source in np.unique(row[y][mask[y]]):
                line = mask[y] & (row[y] == source)
                key = line.tobytes(), np.where(line, column[y], -1).tobytes()
                lines.setdefault(key, (line, []))[1].append(int(y))
                if len(lines) > PLANES_MAX:
                    raise NotPlanar
        for line, where in lines.values():
            part = np.zeros_like(mask)
            part[where] = line
            yield part


def _alike(first: Ids, second: Ids, valid: Mask) -> Iterator[Mask]:
    """Where each pair of values stands, among the valid ones. Raises NotPlanar where there are too many."""
    size = int(second.max()) + 1
    pairs = np.unique((first * size + second)[valid])
    if len(pairs) > PLANES_MAX:
        raise NotPlanar
    for pair in pairs:
        yield valid & (first == pair // size) & (second == pair % size)


def _agree(values: Ids, mask: Mask, axis: int) -> bool:
    """Whether the values that a mask chooses are the same along an axis."""
    high = np.where(mask, values, -1).max(axis=axis, keepdims=True)
    return bool((values == high)[mask].all())


def _lines(values: Ids, mask: Mask, axis: int) -> Ids:
    """The one value along an axis, -1 where the mask chooses none."""
    return np.asarray(np.where(mask, values, -1).max(axis=axis))
