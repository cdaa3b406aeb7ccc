"""Placing: every crossbar gets a tile of the mesh, those that talk near each other."""

from dataclasses import dataclass
from math import isqrt

import numpy as np

from ...ir.crossbar.layout import Clusters, Placed
from ...ir.crossbar.units import Integers
from ...ir.deadline import in_time

WORK_MAX = 2_000_000_000  # of the search: costs that are compared, or changed
SPARE = 1  # columns and rows beyond the smallest square that holds the crossbars
STARTS = 4  # the crossbars in their order, then in others that the seed draws


@dataclass(frozen=True, slots=True)
class PlaceCrossbars:
    """Hops of values between tiles are few: crossbars change tiles with each other, and with free ones, as
    long as one of these changes takes hops away.
    """

    mesh: tuple[int, int]
    seed: int = 0

    def __call__(self, clusters: Clusters) -> Placed:
        """Every crossbar's tile. The mesh has one for each."""
        count = clusters.count
        columns = min(self.mesh[0], max(isqrt(count) + SPARE, -(-count // self.mesh[1])))
        rows = min(self.mesh[1], -(-count // columns) + SPARE)
        cells = np.stack(np.divmod(np.arange(columns * rows), columns)[::-1], axis=1)
        apart = np.abs(cells[:, None] - cells).sum(axis=2)
        sent = traffic(clusters)
        both = np.zeros(
            (len(cells), len(cells)), dtype=np.int64
        )  # free tiles are crossbars that send nothing
        both[:count, :count] = sent + sent.T
        random = np.random.default_rng(self.seed)
        snake = np.lexsort((np.where(cells[:, 1] % 2, -cells[:, 0], cells[:, 0]), cells[:, 1]))
        starts = [snake, *(random.permutation(snake) for _ in range(STARTS - 1))]
        found = [_searched(both, apart, start, count) for start in starts]
        best = min(found, key=lambda place: _hops(both, apart, place))
        return Placed(clusters, cells[best[:count]], _hops(both, apart, best), _bound(both[:count, :count]))


def traffic(clusters: Clusters) -> Integers:
    """Values that each crossbar sends to each other one, when every unit sends one; those of the host's
    inputs are not counted.
    """
    crossbar, source = clusters.rows
    sender = clusters.of[source]
    found = np.zeros((clusters.count, clusters.count), dtype=np.int64)
    between = (sender >= 0) & (sender != crossbar)
    np.add.at(found, (sender[between], crossbar[between]), 1)
    return found


def _hops(both: Integers, apart: Integers, place: Integers) -> int:
    return int((both * apart[np.ix_(place, place)]).sum()) // 2


def _searched(both: Integers, apart: Integers, start: Integers, count: int) -> Integers:
    """Places that no change of two makes better, or what is found with as much work as there may be."""
    place = start.copy()
    # [crossbar, tile]: its hops if it were there. Whole numbers below 2^53, which floats multiply faster.
    costs = (both.astype(np.float64) @ apart[place].astype(np.float64)).astype(np.int64)
    everyone = np.arange(len(place))
    work = 0
    while True:
        improved = False
        for one in range(count):
            in_time("crossbars got their tiles")
            here = place[one]
            work += everyone.size
            gain = costs[one, place] - costs[one, here] + costs[:, here] - costs[everyone, place]
            gain += 2 * both[one] * apart[here, place]
            other = int(gain.argmin())
            if gain[other] < 0:
                there = place[other]
                moved = apart[there] - apart[here]
                costs += np.outer(both[:, one] - both[:, other], moved)
                work += costs.size
                place[one], place[other] = there, here
                improved = True
            if work > WORK_MAX // STARTS:
                return place
        if not improved:
            return place


def _bound(both: Integers) -> int:
    """The least hops on a mesh of any size: four tiles are one hop away, eight are two, and so on; what each
    crossbar exchanges most is nearest to it.
    """
    count = len(both)
    rings = np.arange(1, isqrt(count) + 2)
    nearest = np.repeat(rings, 4 * rings)[:count]
    loudest = -np.sort(-both, axis=1)
    return -(-int((loudest * nearest).sum()) // 2)
