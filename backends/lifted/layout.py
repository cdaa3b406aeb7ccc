"""How the weights of a feed lie in memory: as the loops take them.

A unit is what one event brings: a weight for each target neuron. Where events add, targets are cut into
tiles, whose units lie side by side: a row of weights for so many lanes, some of them empty in the last tile.
Where they do something else, or each target hears a channel of its own, one tile holds all.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TILE = 64  # neurons whose states are in registers at once
LEAST = 8  # lanes
LINE = 16  # numbers in a line of the cache, at whose beginning arrays begin


class Tile(NamedTuple):
    """`neurons` targets from `first` on, in as many lanes or a few more: their weights begin at `base`."""

    first: int
    neurons: int
    lanes: int
    base: int


def tiles(units: int, count: int, cut: bool) -> Iterator[Tile]:
    """The tiles of `count` targets; not many lanes stay empty."""
    if not cut:
        yield Tile(0, count, count, 0)
        return
    neuron = 0
    while neuron < count:
        lanes = TILE
        while lanes > LEAST and 3 * lanes > 4 * (count - neuron):
            lanes //= 2
        yield Tile(neuron, min(lanes, count - neuron), lanes, units * neuron)
        neuron += lanes


def laid_out(weights: Floats, cut: bool) -> Floats:
    """Weights [units, targets], tile by tile."""
    units, count = weights.shape
    cuts = list(tiles(units, count, cut))
    size = units * sum(tile.lanes for tile in cuts)
    raw = np.empty(size + TILE + LINE, dtype=np.float32)
    begin = -(raw.ctypes.data // raw.itemsize) % LINE
    found = raw[
        begin : begin + size + TILE
    ]  # a tile's first neurons may be left out: then as many more are read
    found[size:] = 0
    for tile in cuts:
        rows = found[tile.base : tile.base + units * tile.lanes].reshape(units, tile.lanes)
        rows[:, : tile.neurons] = weights[:, tile.first : tile.first + tile.neurons]
        rows[:, tile.neurons :] = 0
    return found


def plain(weights: Floats, units: int, count: int, cut: bool) -> Floats:
    """Weights [units, targets] again."""
    found = np.empty((units, count), dtype=np.float32)
    for tile in tiles(units, count, cut):
        rows = weights[tile.base : tile.base + units * tile.lanes].reshape(units, tile.lanes)
        found[:, tile.first : tile.first + tile.neurons] = rows[:, : tile.neurons]
    return found


def within(cuts: Iterator[Tile], first: int, last: int) -> Iterator[Tile]:
    """Of tiles, what is of targets `first` .. `last` - 1."""
    for neuron, count, lanes, base in cuts:
        begin, end = max(first, neuron), min(last, neuron + count)
        if begin < end:
            yield Tile(begin, end - begin, lanes, base + begin - neuron)
