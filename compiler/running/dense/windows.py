"""Maps as operands: their windows, channels and pads, in the graph."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ....backends.lifted.edges import Geometry
from .graph import Graph, Size
from .terms import Term

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Pads = tuple[int, int, int, int]  # above, left, below, right


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor of the graph."""

    name: str
    size: Size


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """What each channel of a map hears: the one in its place of the operand, through weights [D, KH, KW].

    `heard`: which do. `all_fire`: zeros are events, too. `least`: no value of the operand is below it.
    """

    operand: Operand
    geometry: Geometry
    weights: Floats
    heard: NDArray[np.bool_]
    all_fire: bool
    least: float


@dataclass(frozen=True, slots=True)
class Operands:
    """The maps that are there so far, by index, and the size of the one in the making.

    `all_fire`: maps whose neurons fire on 0, too. `least`: the least value that a map may have. `constant`:
    maps that hear no input: they have one frame, and are not joined with those that have several.
    """

    graph: Graph
    maps: Mapping[int, Operand]
    size: Size
    all_fire: Collection[int]
    least: Mapping[int, float]
    constant: Collection[int]

    def window(self, term: Term) -> tuple[Operand, Geometry]:
        """A term's window, and its geometry from there."""
        found, (top, bottom, left, right), g = self.maps[term.source], term.window, term.geometry
        found = self.cut(found, (top, bottom), (left, right))
        return found, g.moved(g.y + top * 2**g.us, g.x + left * 2**g.us)._replace(repeat=0)

    def assembled(self, terms: Sequence[Term]) -> list[Single]:
        """Terms in which each channel hears one; those of one geometry for different channels have an operand
        that is made of theirs.
        """
        alike: dict[object, list[list[tuple[Term, Operand, Geometry]]]] = defaultdict(list)
        for term in terms:
            operand, geometry = self.window(term)
            kinds = term.source in self.all_fire, term.source in self.constant
            key = geometry, operand.size.height, operand.size.width, kinds
            mine = term.channels >= 0
            for layer in alike[key]:
                if not any((mine & (other.channels >= 0)).any() for other, _, _ in layer):
                    layer.append((term, operand, geometry))
                    break
            else:
                alike[key].append([(term, operand, geometry)])
        return [self._single(layer) for layers in alike.values() for layer in layers]

    def _single(self, layer: Sequence[tuple[Term, Operand, Geometry]]) -> Single:
        first, operand, geometry = layer[0]
        whose = np.full(first.channels.size, -1, dtype=np.int64)
        weights = np.zeros_like(first.weights)
        for number, (term, _, _) in enumerate(layer):
            mine = term.channels >= 0
            whose[mine] = number
            weights[mine] = term.weights[mine]
        if len(layer) == 1:
            operand = self.channels(operand, np.maximum(first.channels, 0))
        else:
            cuts = [0, *(np.flatnonzero(np.diff(whose)) + 1).tolist(), whose.size]
            parts = []
            for begin, end in pairwise(cuts):
                # What no channel hears has weights of zero: any channels stand there.
                term, whole, _ = layer[max(0, int(whose[begin]))]
                parts.append(self.channels(whole, np.maximum(term.channels[begin:end], 0)))
            operand = self.joined(parts)
        least = min(self.least[term.source] for term, _, _ in layer)
        return Single(operand, geometry, weights, whose >= 0, first.source in self.all_fire, least)

    def channels(self, whole: Operand, chosen: Integers) -> Operand:
        """Some channels, in an order."""
        size, g = whole.size, self.graph
        if np.array_equal(chosen, np.arange(size.depth)):
            return whole
        made = Size(chosen.size, size.height, size.width)
        if (np.diff(chosen) == 1).all():
            bounds = [g.constant([each], np.int64) for each in (chosen[0], chosen[-1] + 1, 1)]
            return Operand(g.node("Slice", [whole.name, *bounds]), made)
        return Operand(g.node("Gather", [whole.name, g.constant(chosen, np.int64)], axis=1), made)

    def cut(self, whole: Operand, rows: tuple[int, int], columns: tuple[int, int]) -> Operand:
        """Some rows and columns."""
        size, g = whole.size, self.graph
        if (rows, columns) == ((0, size.height), (0, size.width)):
            return whole
        spans = [
            g.constant(each, np.int64) for each in ((rows[0], columns[0]), (rows[1], columns[1]), (2, 3))
        ]
        made = Size(size.depth, rows[1] - rows[0], columns[1] - columns[0])
        return Operand(g.node("Slice", [whole.name, *spans]), made)

    def joined(self, parts: Sequence[Operand]) -> Operand:
        """One behind the other in the channels."""
        if len(parts) == 1:
            return parts[0]
        size = parts[0].size
        depth = sum(part.size.depth for part in parts)
        name = self.graph.node("Concat", [part.name for part in parts], axis=1)
        return Operand(name, Size(depth, size.height, size.width))

    def under(self, whole: Operand, geometry: Geometry) -> tuple[Operand, Pads]:
        """What windows slide over so that each target has one, and the pads that are missing."""
        step = 2**geometry.sl
        height, width = whole.size.height, whole.size.width
        rows, above, below = _fitted(
            height, geometry.y + geometry.kh - 1, geometry.kh, step, self.size.height
        )
        columns, left, right = _fitted(
            width, geometry.x + geometry.kw - 1, geometry.kw, step, self.size.width
        )
        return self.cut(whole, rows, columns), (above, left, below, right)

    def is_in_place(self, whole: Operand, geometry: Geometry) -> bool:
        """Whether each neuron hears the one at its own place."""
        here = (geometry.us, geometry.sl, geometry.kh, geometry.kw, geometry.y, geometry.x) == (
            0,
            0,
            1,
            1,
            0,
            0,
        )
        return here and (whole.size.height, whole.size.width) == (self.size.height, self.size.width)


def _fitted(size: int, pad: int, taps: int, step: int, targets: int) -> tuple[tuple[int, int], int, int]:
    """Along an axis: the positions that are under windows, and the pads before and behind them."""
    first, before = max(0, -pad), max(0, pad)
    need = (targets - 1) * step + taps - before
    last = min(size, first + need) if need > 0 else first
    if (size - first + before - taps) // step + 1 == targets:
        last = size  # what is beyond the last window does no harm
    if last <= first:
        # The windows lie in the padding: one position stands for those that none of them meets.
        first, last = min(first, size - 1), min(first, size - 1) + 1
        before, need = max(before, (targets - 1) * step + taps), 0
    return (first, last), before, max(0, need - (last - first))
