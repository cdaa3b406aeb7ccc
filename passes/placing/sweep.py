"""A sweep of the search for places as machine code: what `Search` does core by core, for meshes of many."""

import numpy as np
from numpy.typing import NDArray

from ...ir.compiled import kept

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@kept()
def swept(
    order: Integers,
    noise: Floats,
    places: Integers,
    occupant: Integers,
    costs_x: Floats,
    costs_y: Floats,
    far_x: Floats,
    far_y: Floats,
    begin: Integers,
    peers: Integers,
    back: Floats,
    swapped: Floats,
) -> int:
    """Each core of `order` changes places with that of the least cost; how many have moved.

    `noise` [cores of `order`, places] is taken off the costs; without rows only gains are taken. A core's
    peers, and what they count, begin at `begin[core]`; the rest is as `Search` has it. All numbers are whole
    but noise: results are those of any other order of the sums.
    """
    columns, rows = occupant.shape
    is_hot = len(noise) > 0
    change = np.empty(columns * rows)
    at = np.empty((2, 2), dtype=np.int64)
    moved = 0
    for turn in range(len(order)):
        core = order[turn]
        x, y = places[core, 0], places[core, 1]
        stands = costs_x[core, x] + costs_y[core, y]
        for column in range(columns):
            for row in range(rows):
                cost = costs_x[core, column] + costs_y[core, row] - stands
                other = occupant[column, row]
                if other >= 0:
                    cost += costs_x[other, x] + costs_y[other, y]
                    cost -= costs_x[other, column] + costs_y[other, row]
                change[column * rows + row] = cost
        for peer in range(begin[core], begin[core + 1]):
            there_x, there_y = places[peers[peer], 0], places[peers[peer], 1]
            for fact in range(3):
                apart = far_x[x, fact, there_x] + far_y[y, fact, there_y]
                change[there_x * rows + there_y] += swapped[peer, fact] * apart
        here = x * rows + y
        change[here] = 0.0
        new, least = 0, np.inf
        for place in range(columns * rows):
            cost = change[place] - noise[turn, place] if is_hot else change[place]
            if cost < least:
                new, least = place, cost
        if new == here or (not is_hot and change[new] >= 0):
            continue
        moved += 1
        other = occupant[new // rows, new % rows]
        at[0, 0], at[0, 1], at[1, 0], at[1, 1] = new // rows, new % rows, x, y
        occupant[x, y] = -1
        for each in range(2 if other >= 0 else 1):
            mover = other if each else core
            new_x, new_y = at[each, 0], at[each, 1]
            old_x, old_y = places[mover, 0], places[mover, 1]
            for peer in range(begin[mover], begin[mover + 1]):
                for fact in range(3):
                    weight = back[peer, fact]
                    for column in range(columns):
                        costs_x[peers[peer], column] += weight * (
                            far_x[new_x, fact, column] - far_x[old_x, fact, column]
                        )
                    for row in range(rows):
                        costs_y[peers[peer], row] += weight * (
                            far_y[new_y, fact, row] - far_y[old_y, fact, row]
                        )
            places[mover, 0], places[mover, 1] = new_x, new_y
            occupant[new_x, new_y] = mover
    return moved
