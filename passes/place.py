"""Placing: every core gets a place on the mesh, talking cores near each other and within an axon's reach
(paper 5.1).
"""

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ir.chip import Chip
from ..ir.errors import DoesNotFit
from ..ir.mapping import Mapping

Traffic = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """Cores have places on the mesh; every axon is within reach, and traffic times hops is low.

    Traffic is one event per source neuron and axon. Simulated annealing on swaps, from a snake through a
    square.
    """

    swaps_per_core: int = 400
    seed: int = 0

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with places. Raises DoesNotFit when talking cores stay out of reach."""
        chip, count = mapping.chip, len(mapping.cores)
        places = snake(chip, count)
        traffic = _traffic(mapping)
        if count > 2:
            places = _anneal(places, traffic, chip, self.swaps_per_core * count, self.seed)
        placed = replace(mapping, places=tuple((int(x), int(y)) for x, y in places))
        _check_reach(placed, traffic)
        return placed


def snake(chip: Chip, count: int) -> NDArray[np.int64]:
    """Places (x, y) along a snake through the smallest square that holds `count` cores."""
    columns = min(chip.mesh[0], max(math.isqrt(count - 1) + 1, -(-count // chip.mesh[1])))
    cells = []
    for index in range(count):
        y, x = divmod(index, columns)
        cells.append((columns - 1 - x if y % 2 else x, y))
    return np.array(cells, dtype=np.int64)


def _traffic(mapping: Mapping) -> Traffic:
    """Events from core to core when every neuron fires."""
    core_of = mapping.core_of()
    found = np.zeros((len(mapping.cores), len(mapping.cores)))
    for index, plan in enumerate(mapping.plans):
        for axon in plan.axons:
            found[core_of[index], core_of[axon.target]] += plan.fragment.neurons  # type: ignore[index]
    np.fill_diagonal(found, 0)
    return found


def _anneal(
    start: NDArray[np.int64], traffic: Traffic, chip: Chip, swaps: int, seed: int
) -> NDArray[np.int64]:
    """Swaps of two cells, some of them free, that lower traffic times hops; far cores cost more than any
    traffic.
    """
    random = np.random.default_rng(seed)
    columns, rows = int(start[:, 0].max()) + 1, int(start[:, 1].max()) + 1
    columns, rows = min(columns + 1, chip.mesh[0]), min(rows + 1, chip.mesh[1])
    both = traffic + traffic.T
    peers = [np.flatnonzero(row) for row in both]
    heavy = 10.0 * both.sum() + 1.0
    cells = np.full((columns, rows), -1, dtype=np.int64)
    places = start.copy()
    cells[places[:, 0], places[:, 1]] = np.arange(len(places))

    def cost(core: int, at: NDArray[np.int64]) -> float:
        near = peers[core]
        delta = places[near] - at
        hops = np.abs(delta).sum(axis=1)
        # an axon's reach is a signed range: -8 .. 7 in one direction is -7 .. 8 in the other
        out = traffic[core, near] > 0
        into = traffic[near, core] > 0
        far = (out & ((delta < chip.reach_min) | (delta > chip.reach_max)).any(axis=1)) | (
            into & ((-delta < chip.reach_min) | (-delta > chip.reach_max)).any(axis=1)
        )
        return float((both[core, near] * hops).sum() + heavy * far.sum())

    warm = both.sum() / max(1, np.count_nonzero(both)) * 4
    picks = random.integers(0, len(places), swaps)
    xs, ys = random.integers(0, columns, swaps), random.integers(0, rows, swaps)
    dice = random.random(swaps)
    for step in range(swaps):
        a, cell = int(picks[step]), np.array([xs[step], ys[step]])
        b = int(cells[cell[0], cell[1]])
        if b == a:
            continue
        home = places[a].copy()
        before = cost(a, home) + (cost(b, cell) if b >= 0 else 0.0)
        places[a] = cell
        if b >= 0:
            places[b] = home
        after = cost(a, cell) + (cost(b, home) if b >= 0 else 0.0)
        heat = warm * (1 - step / swaps) ** 2
        if after <= before or (heat > 0 and dice[step] < math.exp(max(-50.0, (before - after) / heat))):
            cells[cell[0], cell[1]], cells[home[0], home[1]] = a, b
        else:
            places[a] = home
            if b >= 0:
                places[b] = cell
    return places


def _check_reach(mapping: Mapping, traffic: Traffic) -> None:
    chip = mapping.chip
    places = np.array(mapping.places)
    far = Counter[tuple[int, int]]()
    for a, b in np.argwhere(traffic > 0):
        delta = places[b] - places[a]
        if (delta < chip.reach_min).any() or (delta > chip.reach_max).any():
            far[int(a), int(b)] += 1
    if far:
        a, _ = next(iter(far))
        population = mapping.plans[mapping.cores[a][0]].fragment.population
        raise DoesNotFit(
            mapping.network.populations[population].origin,
            f"{len(far)} pairs of its cores lie further apart than an axon reaches ({chip.reach_min} to "
            f"{chip.reach_max} cores in X and Y)",
            hint="take a target with larger cores, or weights of fewer bits, so that fewer cores talk",
        )
