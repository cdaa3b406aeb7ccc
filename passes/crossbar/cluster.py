"""Clustering: units are gathered on crossbars, so that few crossbars do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import product

import numpy as np

from ...ir.crossbar.layout import Clusters
from ...ir.crossbar.units import Integers, Units
from ...ir.deadline import in_time
from ...ir.network import Network
from .bound import bound
from .gather import gather

SWEEPS = 2  # over all classes, each in every other way
# Shares of the rows and of the columns that a class may fill before others have the rest.
CAPS = ((1.0, 1.0), (0.75, 1.0), (0.5, 1.0), (1.0, 0.8), (1.0, 0.75), (1.0, 0.6), (1.0, 0.5))


class Turn(IntEnum):
    """When units are gathered: on crossbars of their own, or in what is left on those, in two turns."""

    MAIN = 0
    FILLER = 1
    LAST = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Class:
    """Units that are gathered together, in this order. `caps`: the shares of rows and columns that they fill
    where their turn is MAIN.
    """

    units: Integers
    turn: Turn = Turn.MAIN
    caps: tuple[float, float] = CAPS[0]


@dataclass(frozen=True, slots=True)
class Greedy:
    """Units in firing order, each on the crossbar of the one before it, or on a new one."""

    rows: int
    columns: int

    def __call__(self, units: Units) -> Clusters:
        """Every unit's crossbar."""
        whole = _Class(units.computed)
        found = _gathered(units, [whole], self.rows, self.columns)
        return Clusters(units, found, _crossbars(found), bound(units, self.rows, self.columns))


@dataclass(frozen=True, slots=True)
class Cluster:
    """Units that share inputs are on one crossbar, and others fill what is left.

    Units of a population that stand in the same place of their neurons' sums are a class, or all units of the
    population are. Classes are tried in two orders, along the feature maps and by the input that most units
    share, on crossbars of their own or in what others leave; what takes the fewest crossbars is kept.
    """

    rows: int
    columns: int

    def __call__(self, units: Units, network: Network) -> Clusters:
        """Every unit's crossbar. No unit may have more inputs than a crossbar has rows."""
        least = bound(units, self.rows, self.columns, network)
        populations = [[self._ordered(units, each, network) for each in one] for one in _classes(units)]
        apart = [one for places in populations for one in places]
        joined = [one for places in populations for one in self._joined(units, places, network)]
        starts = [apart] if len(apart) == len(joined) else [apart, joined]
        best = min((self._searched(units, start, least) for start in starts), key=_crossbars)
        return Clusters(units, best, _crossbars(best), least)

    def _searched(self, units: Units, classes: list[_Class], least: int) -> Integers:
        """The crossbars of units, after every class has been tried in every other way."""
        best = self._gathered(units, classes)
        for _, index in product(range(SWEEPS), range(len(classes))):
            for changed in _others(classes[index]):
                if _crossbars(best) == least:
                    return best
                in_time("units were gathered on crossbars")
                tried = [changed if i == index else one for i, one in enumerate(classes)]
                found = self._gathered(units, tried)
                if _crossbars(found) < _crossbars(best):
                    best, classes = found, tried
        return best

    def _joined(self, units: Units, places: list[_Class], network: Network) -> list[_Class]:
        """The units of a population as one class, where that is better."""
        if len(places) == 1:
            return places
        together = self._ordered(units, np.sort(np.concatenate([one.units for one in places])), network)
        counts = [_crossbars(self._gathered(units, [one])) for one in (*places, together)]
        return [together] if counts[-1] < sum(counts[:-1]) else places

    def _ordered(self, units: Units, members: Integers, network: Network) -> _Class:
        """The better of two orders; what shares no inputs fills what others leave."""
        _, heard = _synapses(units, members)
        turn = Turn.FILLER if np.unique(heard).size == heard.size else Turn.MAIN
        found = [_Class(_along_maps(units, members, network), turn), _Class(_by_input(units, members), turn)]
        return min(found, key=lambda one: _crossbars(self._gathered(units, [one])))

    def _gathered(self, units: Units, classes: list[_Class]) -> Integers:
        return _gathered(units, classes, self.rows, self.columns)


def _others(one: _Class) -> Iterator[_Class]:
    """The class at another turn, or filling other shares of its own crossbars."""
    yield replace(one, turn=Turn.FILLER)
    yield replace(one, turn=Turn.LAST)
    yield from (replace(one, turn=Turn.MAIN, caps=caps) for caps in CAPS)


def _classes(units: Units) -> list[list[Integers]]:
    """The units of each population, by their place among those of their neuron: first, later, or last."""
    computed = units.computed
    owner = np.searchsorted(units.neurons, computed)  # helpers stand before their neuron
    begins = np.searchsorted(owner, owner)
    place = np.where(units.is_helper[computed], np.minimum(np.arange(computed.size) - begins, 1), -1)
    population = units.population[computed]
    return [
        [computed[(population == p) & (place == each)] for each in np.unique(place[population == p])]
        for p in np.unique(population)
    ]


def _along_maps(units: Units, members: Integers, network: Network) -> Integers:
    """By place among a neuron's units, where that is the same of many, then by position along a curve that
    keeps neighbours together, then by channel.
    """
    population = int(units.population[members[0]])
    shape = network.populations[population].shape
    neuron = np.searchsorted(units.neurons, members)
    place = units.neurons[neuron] - members
    if np.unique(neuron).size < neuron.size and place.min() == 0:
        place = np.zeros_like(place)  # all units of the neurons
    inside = neuron - units.offsets[population]
    c, pixel = np.divmod(inside, shape.height * shape.width)
    y, x = np.divmod(pixel, shape.width)
    return members[np.lexsort((members, c, _curve(y, x), place))]


def _curve(y: Integers, x: Integers) -> Integers:
    """Positions of pixels along a Z-order curve."""
    found = np.zeros_like(y)
    size, area = 1, 1
    while size <= max(y.max(initial=0), x.max(initial=0)):
        found += area * (2 * (y // size % 2) + x // size % 2)
        size, area = 2 * size, 4 * area
    return found


def _synapses(units: Units, members: Integers) -> tuple[Integers, Integers]:
    """The place among some units, and the source, of each synapse of theirs."""
    sizes = units.fan_in[members]
    inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    of = np.repeat(np.arange(members.size), sizes)
    return of, units.sources[inside + units.first[members][of]]


def _by_input(units: Units, members: Integers) -> Integers:
    """By the input that most units hear."""
    fan_out = np.bincount(units.sources, minlength=units.count)
    of, sources = _synapses(units, members)
    loudest = np.full(members.size, -1)
    order = np.lexsort((-sources, fan_out[sources], of))  # the last one of each unit counts
    loudest[of[order]] = sources[order]
    return members[np.lexsort((members, loudest))]


def _crossbars(of: Integers) -> int:
    return int(of.max(initial=-1)) + 1


def _gathered(units: Units, classes: list[_Class], rows: int, columns: int) -> Integers:
    """The crossbar of each unit."""
    mains = [one for one in classes if one.turn is Turn.MAIN]
    in_turn = sorted(classes, key=lambda one: one.turn)
    order = np.concatenate([np.empty(0, dtype=np.int64), *(one.units for one in in_turn)])
    sizes = [one.units.size for one in mains]
    caps = np.repeat(np.array([one.caps for one in mains]).reshape(-1, 2), sizes, axis=0)
    most_rows, most_columns = (
        np.ascontiguousarray(most) for most in (caps * (rows, columns)).astype(np.int64).T
    )
    found = gather(
        order, sum(sizes), most_rows, most_columns, units.first, units.sources, units.count, rows, columns
    )
    of = np.full(units.count, -1)
    of[order] = found
    return of
