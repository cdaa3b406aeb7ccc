"""Placing: every core gets a place on the mesh, cores that talk near each other (paper 5.1).

A step looks at every place at once, with numpy: for few cores, compiled code would save less than it takes to
load. Of many, whole sweeps are compiled, with the same results.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from ...ir.chip import SIZE_STEP, Chip, snake
from ...ir.deadline import NEVER, Deadline, in_time
from ...ir.mapping import Axon, Fragment, FragmentId, Mapping
from ...ir.network import Neuron
from .peers import Flow as Flow
from .peers import joined, peers_of
from .sweep import swept

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

STEPS_MAX = 20_000  # of the search; more sweeps gain less than 1 %
HEATS = (2.0, 0.1)  # at the first and the last step, in units of the mean traffic of two cores
REACH_HEATS = (5.0, 0.25)  # the same while only reach counts, in weighted positions out of it
RELAY_WEIGHT = 4  # of a fragment whose states fill a core, in fragments without any
LATE_SWEEPS = 3  # that only gain, where time is over before the search is
COMPILED_LEAST = 48  # cores: a search for fewer takes no longer than to load machine code
NOISE_MAX = 2**18  # random numbers that are drawn at once
SWEEPS_HOT = 50  # fewer sweeps than these begin less hot: they could not mend what heat has scattered


@dataclass(frozen=True, slots=True)
class Place:
    """Every core has a place of its own; first of all few axons are out of reach, then traffic is low.

    An axon out of reach counts the more, the more states its source has: a relay would hold them.
    Traffic is the events that algorithm 5 emits with all neurons firing, times hops; the host's input is not
    counted. Annealing by heat bath: a core changes places with the core, or the gap, that chance and heat
    prefer among all of them. Where the mesh is wider than the reach, a first search sees nothing but the
    reach, and the second never leaves what that has found. What stays out of reach is left to `Settle` and
    `Relay`: `gaps` leaves a column free behind so many columns, and a row behind so many rows (0: none).
    Once time `is_over`, only what gains is done, for a few sweeps.
    """

    seed: int = 0
    gaps: tuple[int, int] = (0, 0)
    sweeps: int = 200
    is_over: Deadline = NEVER

    def fits(self, mapping: Mapping) -> bool:
        """Whether all cores fit the mesh beside the gaps."""
        return self._lattice(mapping.chip).cores >= len(mapping.cores)

    def _lattice(self, chip: Chip) -> Chip:
        """The mesh of the places that are used."""
        columns, rows = (
            size - size // (every + 1) if every else size
            for size, every in zip(chip.mesh, self.gaps, strict=True)
        )
        return replace(chip, mesh=(columns, rows))

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with places."""
        lattice = self._lattice(mapping.chip)
        count = len(mapping.cores)
        places = np.array(snake(lattice, count), dtype=np.int64)
        if count > 1:
            found = flows(mapping)
            starts = (places, np.array(bands(lattice, count), dtype=np.int64))
            sweeps = max(1, min(self.sweeps, STEPS_MAX // count))
            searches = [Search(lattice, self.gaps, start, found, self.seed, self.is_over) for start in starts]
            searches.sort(key=Search.cost)
            for search in searches:
                if search.reach(sweeps):
                    break
            places = min(searches, key=Search.cost).run(sweeps)
        x, y = (_spread(at, every) for at, every in zip(places.T, self.gaps, strict=True))
        return replace(mapping, places=tuple(zip(x.tolist(), y.tolist(), strict=True)))


def bands(chip: Chip, count: int) -> list[tuple[int, int]]:
    """Places (x, y) column by column through bands as high as the reach: what follows is near in X and Y."""
    height = min(chip.reach_max + 1, chip.mesh[1])
    columns = min(chip.mesh[0], math.isqrt(max(count, 1) - 1) + 1)
    columns = max(columns, -(-count // chip.mesh[1]))
    found = []
    for index in range(count):
        band, rest = divmod(index, columns * height)
        rows = min(height, chip.mesh[1] - band * height)
        x, y = divmod(rest, rows)
        if x % 2:
            y = rows - 1 - y
        found.append((columns - 1 - x if band % 2 else x, band * height + y))
    return found


def _spread(at: Integers, every: int) -> Integers:
    """Positions on the mesh, with one left free behind so many."""
    return at + at // every if every else at


def flows(mapping: Mapping) -> tuple[Flow, ...]:
    """What every core sends to every other, in the order of cores."""
    core_of = mapping.core_of()
    sent: dict[tuple[int, int], int] = {}
    weights: dict[tuple[int, int], int] = {}
    for core, held in enumerate(mapping.cores):
        for plan in (mapping.plans[fragment] for fragment in held):
            silent = mapping.network.populations[plan.fragment.population].neuron is Neuron.INPUT
            weight = relay_weight(mapping.chip, plan.fragment)
            for axon in plan.axons:
                key = core, int(core_of[axon.target])
                sent[key] = sent.get(key, 0) + (0 if silent else events(plan.fragment, axon))
                weights[key] = max(weights.get(key, 0), weight)
    return tuple(Flow(*key, sent[key], weights[key]) for key in sorted(sent) if key[0] != key[1])


def relay_weight(chip: Chip, source: Fragment) -> int:
    """How bad it is that an axon of a fragment is out of reach: a relay would hold all its states."""
    return 1 + RELAY_WEIGHT * Neuron.STANDARD.state_words(source.neurons) // chip.core_words


def events(source: Fragment, axon: Axon) -> int:
    """How many events of a fragment pass an axon's hit detection (algorithm 5), empty ones included."""
    across = _hits(len(source.x), axon.x_off, axon.width, axon.kw, axon.us)
    return len(source.c) * across * _hits(len(source.y), axon.y_off, axon.height, axon.kh, axon.us)


def _hits(size: int, off: int, extent: int, kernel: int, us: int) -> int:
    """How many of s = 0 .. size - 1 have -kernel < s * 2^us + off < extent, rounded up to whole steps."""
    up: int = 2**us
    end = -(-extent // SIZE_STEP) * SIZE_STEP
    first = max(0, -((kernel - 1 + off) // up))
    last = min(size - 1, (end - 1 - off) // up)
    return max(0, last - first + 1)


class Search:
    """Places of cores, and for every core what it would cost at each column and in each row.

    Hops, chip borders and what lies beyond the reach are sums over both axes, so two small tables hold the
    cost of every core at every place. All numbers are whole: sums are exact in any order.
    """

    def __init__(
        self,
        chip: Chip,
        gaps: tuple[int, int],
        places: Integers,
        found: Sequence[Flow],
        seed: int,
        is_over: Deadline,
    ) -> None:
        self.random, self.is_over = np.random.default_rng(seed), is_over
        self.places = places.copy()
        side = places.max(axis=0) + 1
        # one column and one row of gaps let a full square move
        self.sizes = [min(int(side[i]) + 1, chip.mesh[i]) for i in range(2)]
        count = len(places)
        self.occupant = np.full(self.sizes, -1, dtype=np.int64)
        self.occupant[tuple(places.T)] = np.arange(count)
        at = [_spread(np.arange(size), every) for size, every in zip(self.sizes, gaps, strict=True)]
        # From each position to each other one: hops, and how far beyond the reach, there and back.
        self.distances = []
        for positions, size in zip(at, chip.chip_mesh, strict=True):
            beyond = _beyond(positions, chip)
            hops = _hops(positions, size, chip.chip_border_cost)
            self.distances.append(np.stack([hops, beyond.T, beyond], axis=1).astype(float))
        traffic = np.array([flow.events for flow in found], dtype=np.float64)
        self.mean = float(traffic.mean()) if len(found) else 0.0
        # one hop beyond the reach costs more than any two cores' traffic across the mesh
        self.hard = (traffic.max(initial=0) + 1) * sum(float(each[:, 0].max()) for each in self.distances)
        self.known = list(peers_of(count, found))

    def _weigh(self, traffic: float, far: float) -> None:
        """From now on an event's hop costs `traffic`, and a position beyond the reach `far`."""
        self.peers = [peers.weighed(traffic, far) for peers in self.known]
        self.joined = joined(self.peers)
        self.costs = [np.zeros((len(self.places), size)) for size in self.sizes]
        for core, peers in enumerate(self.peers):
            in_time("cores got their places")
            for i in range(2):
                at = self.places[peers.cores, i]
                # for each peer, what the connection costs with this core at each position of an axis
                costs = np.einsum("pk,pkx->px", peers.facts, self.distances[i][at])
                self.costs[i][core] = costs.sum(axis=0)

    def cost(self) -> float:
        """What the places cost now: reach before traffic."""
        self._weigh(1.0, self.hard)
        return float(self._standing().sum())

    def reach(self, sweeps: int) -> bool:
        """Brings cores within reach of each other, whatever their traffic; whether all are."""
        self._weigh(0.0, 1.0)
        if self._standing().any():
            self._cool(sweeps, 1.0, REACH_HEATS)
        return not self._standing().any()

    def run(self, sweeps: int) -> Integers:
        """The places of least traffic; what is in reach stays there."""
        self._weigh(1.0, self.hard)
        self._cool(sweeps, self.mean, HEATS)
        return self.places

    def _standing(self) -> Floats:
        """What each core costs where it stands."""
        cores = np.arange(len(self.places))
        x, y = (cores * size + at for size, at in zip(self.sizes, self.places.T, strict=True))
        return np.asarray(self.costs[0].take(x) + self.costs[1].take(y))

    def _cool(self, sweeps: int, unit: float, heats: tuple[float, float]) -> None:
        """Heat falls, then only gains are taken until there are none."""
        count, (start, end) = len(self.places), heats
        start = max(start * min(1.0, sweeps / SWEEPS_HOT), end)
        for sweep in range(sweeps):
            if self.is_over():
                break
            heat = unit * start * (end / start) ** (sweep / max(1, sweeps - 1))
            self._sweep(self.random.permutation(count), heat)
        for _ in repeat(None, LATE_SWEEPS) if self.is_over() else repeat(None):
            if not self._sweep(np.arange(count), 0.0):
                break

    def _sweep(self, order: Integers, heat: float) -> int:
        """A step of each core; how many have moved."""
        if len(order) < COMPILED_LEAST:
            return sum(self._move(core, heat) for core in order.tolist())
        moved, places = 0, self.occupant.size
        costs, distances = (self.costs[0], self.costs[1]), (self.distances[0], self.distances[1])
        begin, cores, back, swapped = self.joined
        for some in np.array_split(order, -(-len(order) * places // NOISE_MAX)):
            in_time("cores got their places")
            noise = heat * self.random.gumbel(size=(len(some), places)) if heat else np.empty((0, places))
            moved += swept(
                some, noise, self.places, self.occupant, *costs, *distances, begin, cores, back, swapped
            )
        return moved

    def _move(self, core: int, heat: float) -> bool:
        """One step of the heat bath: whether the core has moved."""
        in_time("cores got their places")
        peers, (x, y) = self.peers[core], self.places[core].tolist()
        cost_x, cost_y = self.costs
        # what every core would gain here over where it stands; a gap gains nothing
        stands = self._standing()
        gains = np.zeros(len(stands) + 1)
        gains[:-1] = cost_x[:, x] + cost_y[:, y] - stands
        moved = cost_x[core][:, None] + cost_y[core] - stands[core]
        change = (gains.take(self.occupant) + moved).ravel()
        # two cores that change places and talk: both tables took the other for standing still
        there_x, there_y = self.places.take(peers.cores, axis=0).T
        between = self.distances[0][x].take(there_x, axis=1) + self.distances[1][y].take(there_y, axis=1)
        change[there_x * self.sizes[1] + there_y] += (peers.swapped * between).sum(axis=0)
        here = x * self.sizes[1] + y
        change[here] = 0.0
        noisy = change - heat * self.random.gumbel(size=len(change)) if heat else change
        new = int(noisy.argmin())
        if new == here or (not heat and change[new] >= 0):
            return False
        self._swap(core, *divmod(new, self.sizes[1]))
        return True

    def _swap(self, core: int, x: int, y: int) -> None:
        old_x, old_y = (int(n) for n in self.places[core])
        other = int(self.occupant[x, y])
        self._put(core, x, y)
        self.occupant[old_x, old_y] = -1
        if other >= 0:
            self._put(other, old_x, old_y)

    def _put(self, core: int, x: int, y: int) -> None:
        """A core at a new place; the tables of its peers follow."""
        peers = self.peers[core]
        for i, new in enumerate((x, y)):
            old = int(self.places[core, i])
            if new != old:
                self.costs[i][peers.cores] += peers.back @ (self.distances[i][new] - self.distances[i][old])
                self.places[core, i] = new
        self.occupant[x, y] = core


def _hops(at: Integers, chip_size: int, border_cost: int) -> Integers:
    """Hops between any two positions of an axis; those across a chip's border cost more."""
    chips = at // chip_size
    return np.asarray(np.abs(at[:, None] - at) + border_cost * np.abs(chips[:, None] - chips))


def _beyond(at: Integers, chip: Chip) -> Integers:
    """By how many positions the second lies out of the first's reach."""
    return out_of_reach(chip, (at[None, :] - at[:, None])[..., None])


def out_of_reach(chip: Chip, delta: Integers) -> Integers:
    """By how many cores, over all axes, the last of `delta`, a relative address is beyond an axon's reach."""
    beyond = np.maximum(chip.reach_min - delta, 0) + np.maximum(delta - chip.reach_max, 0)
    return np.asarray(beyond.sum(axis=-1))


def far_axons(mapping: Mapping) -> Iterator[tuple[FragmentId, Axon]]:
    """The axons whose target core is out of reach, with the fragments that have them."""
    core_of = mapping.core_of()
    found = [(FragmentId(f), axon) for f, plan in enumerate(mapping.plans) for axon in plan.axons]
    if found:
        here, there = (
            np.array([mapping.places[core_of[f]] for f in ends])
            for ends in ([f for f, _ in found], [axon.target for _, axon in found])
        )
        for i in np.flatnonzero(out_of_reach(mapping.chip, there - here)):
            yield found[i]
