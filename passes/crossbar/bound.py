"""How few crossbars there can be: what every unit has to pay in columns, and in rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.crossbar.units import Integers, Units
from ...ir.network import Network


@dataclass(frozen=True, slots=True)
class Windows:
    """Units that hear a window each: all channels of a box of a feature map, at some place in it.

    `units`: how many; `alike`: how many at most hear the same window. `size`: of a window, in channels, y and
    x. `step`: places that are not the same are at least so far apart, in y and x.
    """

    units: int
    alike: int
    size: tuple[int, int, int]
    step: tuple[int, int]

    def rows(self, places: int) -> int:
        """The least rows that so many windows take together.

        Windows at a different x0 in b columns and a different y0 in a rows of places, places <= a b. Along x,
        n windows of width k at distances of at least s cover at least n g + k - g positions, g = min(s, k):
        the lines at y0 of all windows thus have places g + a (k - g) positions in at least b g + k - g
        columns. Along y the same holds in each of these columns.
        """
        channels, ky, kx = self.size
        gy, gx = min(self.step[0], ky), min(self.step[1], kx)
        a = np.arange(1, places + 1)
        b = -(-places // a)
        lines = places * gx + a * (kx - gx)
        return channels * int((gy * lines + (b * gx + kx - gx) * (ky - gy)).min())

    def paid(self, rows: int, columns: int) -> float:
        """Rows that all units pay together: each one the least that is its share of a crossbar's rows."""
        shares = []
        for count in range(1, min(self.units, columns) + 1):
            taken = self.rows(-(-count // self.alike))
            if taken > rows:
                break
            shares.append(taken / count)
        return self.units * min(shares, default=0.0)


def bound(units: Units, rows: int, columns: int, network: Network | None = None) -> int:
    """The least number of crossbars that hold the units.

    Each unit takes a column. And a row of source s serves as many units as hear s, at most one in each
    column: if every unit pays 1 / min(those, columns) of a row for each of its inputs, what the units of a
    crossbar pay is no more than the rows that it uses. Where a group of units hears windows of a feature map
    that no other group hears, its whole windows may pay as `Windows` says instead: the rows of a crossbar
    that it takes are not fewer. `network` knows the feature maps.
    """
    fan_out = np.bincount(units.sources, minlength=units.count)
    price = fan_out / np.maximum(np.minimum(fan_out, columns), 1)
    group = _groups(units)
    first, last = _hearers(units, group)
    is_alone = first == last
    own = np.bincount(first[is_alone], price[is_alone], int(group.max(initial=-1)) + 2)[1:]
    paid = float(price[~is_alone].sum())
    mixed = np.union1d(first[~is_alone], last[~is_alone])
    for number, least in enumerate(own.tolist(), 1):
        windows = None if network is None or number in mixed else _windows(units, group == number, network)
        paid += max(least, 0.0 if windows is None else windows.paid(rows, columns))
    return max(-(-units.computed.size // columns), int(np.ceil(paid / rows - 1e-9)))


def _groups(units: Units) -> Integers:
    """A number for each unit, from 1 on: of its population, and its place among the parts of its neuron's
    sum; 0 for inputs.
    """
    computed = units.computed
    owner = np.searchsorted(units.neurons, computed)  # helpers stand before their neuron
    place = np.where(units.is_helper[computed], np.arange(computed.size) - np.searchsorted(owner, owner), -1)
    keys = np.stack([units.population[computed], place])
    found = np.zeros(units.count, dtype=np.int64)
    found[computed] = np.unique(keys, axis=1, return_inverse=True)[1].ravel() + 1
    return found


def _hearers(units: Units, group: Integers) -> tuple[Integers, Integers]:
    """The least and the largest number of a group that hears each unit, 0 for what no unit hears."""
    of = group[units.targets]
    last = np.zeros(units.count, dtype=np.int64)
    np.maximum.at(last, units.sources, of)
    first = last.copy()
    np.minimum.at(first, units.sources, of)
    return first, last


def _windows(units: Units, is_member: NDArray[np.bool_], network: Network) -> Windows | None:
    """The units of a group that hear most, where these are windows that are shifted against each other: a
    window that the border clips pays nothing.
    """
    size = int(units.fan_in[is_member].max(initial=0))
    members = np.flatnonzero(is_member & (units.fan_in == size))
    sources = units.sources[units.first[members][:, None] + np.arange(size)]
    population = units.population[sources]
    if not size or units.is_helper[sources].any() or (population != population[0, 0]).any():
        return None
    shape = network.populations[int(population[0, 0])].shape
    inside = np.searchsorted(units.neurons, sources) - units.offsets[population[0, 0]]
    c, pixel = np.divmod(inside, shape.height * shape.width)
    y, x = np.divmod(pixel, shape.width)
    y0, x0 = y.min(axis=1), x.min(axis=1)
    shifted = np.stack([c, y - y0[:, None], x - x0[:, None]])
    if (shifted != shifted[:, :1]).any():
        return None
    ky, kx = (int(axis.max()) + 1 for axis in shifted[1:])
    channels = np.unique(shifted[0]).size
    if channels * ky * kx != size:
        return None
    _, alike = np.unique(np.stack([y0, x0]), axis=1, return_counts=True)
    return Windows(members.size, int(alike.max()), (channels, ky, kx), (_apart(y0), _apart(x0)))


def _apart(places: Integers) -> int:
    """The least distance between two places that are not the same."""
    return int(np.diff(np.unique(places)).min(initial=np.iinfo(np.int64).max))
