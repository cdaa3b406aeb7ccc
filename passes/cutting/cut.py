"""Cutting: channel cuts, even or not, and the core of each piece are chosen together (paper 4.2, 5.2.1).

Feature maps that lie whole in X and Y may be cut anywhere along the channels; those that `Partition` had to
cut in X or Y keep the cuts it found, and their fragments are packed as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...ir.aims import Objective
from ...ir.bitrun import WORD_BITS
from ...ir.chip import Chip
from ...ir.mapping import Fragment, Grid, Span
from ...ir.network import AxisMap, Network, PopulationId
from ...ir.neurons import STATE_BITS
from ..wiring.demand import Demand
from ..wiring.wired import Wired
from .bound import Least, least
from .columns import fill_cores
from .filler import Item, Room
from .partition import Seated, Solution

ITEMS_MAX = 400  # more pieces than these are packed first fit: the linear program would take minutes
SMALL_ITEMS = (
    64,
    24,
)  # more pieces than both the first and so many a core, as of long rows, pack well as they come
MARGIN_WORDS = 64  # for axons that were not foreseen
SPARE_FRAGMENTS = 4.0  # axons are counted for this many times the fewest fragments of their target


@dataclass(frozen=True, slots=True)
class Cut:
    """The grids of a solution cut anew along the channels, with a core for every fragment, by few cores.

    The cuts of the least memory, an `objective`, stay as they are: they are best already.
    `shared`: states may have the place of others that live at other times. `penalty_words`: what a fragment
    costs beside its words: the knob between few cores and few pairs of cores that talk. `work_max`: synaptic
    operations a frame that a core may be given.
    """

    objective: Objective = Objective.CORES
    shared: bool = False
    penalty_words: float = 0.0
    work_max: float = np.inf
    seed: int = 0

    def __call__(
        self,
        network: Network,
        chip: Chip,
        wiring: Sequence[Wired],
        base: Solution,
        hurry: Callable[[], bool] = lambda: False,
    ) -> Solution:
        """The cuts and the cores; the given cuts where pieces are too many, or one core has room for all.
        Fragments that turn out too large for their core are `Pack`'s to move.

        Once `hurry` says so, what is found by then has to do.
        """
        limits = least(network, chip, wiring, self.shared)
        pieces = [piece for p, grid in enumerate(base.grids) for piece in _pieces(p, grid)]
        most = min(ITEMS_MAX, max(SMALL_ITEMS[0], SMALL_ITEMS[1] * limits.cores))
        if limits.cores <= 1 or self.objective is Objective.MEMORY or len(pieces) > most:
            return replace(base, least_cores=limits.cores)
        items = [self._item(network, chip, wiring, piece, limits) for piece in pieces]
        room = Room(chip.core_words, chip.ports_max, self.work_max)
        if not all(room.holds(item) for item in items):
            return replace(base, least_cores=limits.cores)  # what is guessed of axons leaves too little room
        cores = fill_cores(items, room, penalty=self.penalty_words, seed=self.seed, hurry=hurry)
        grids, seats = _seated(network, base.grids, pieces, cores)
        return Seated(grids, base.status, base.objective, base.bound, least_cores=limits.cores, seats=seats)

    def _item(
        self, network: Network, chip: Chip, wiring: Sequence[Wired], piece: Fragment, limits: Least
    ) -> Item:
        p = piece.population
        population = network.populations[p]
        demand = Demand(network, p, chip, wiring, self.shared)
        whole = _is_whole(population.shape.depth, piece)
        counts = np.arange(1, min(len(piece.c), chip.depth_max) + 1) if whole else np.array([len(piece.c)])
        together = {w.projection.source: _channels(network, w, chip, limits) for w in demand.into}
        words, more, ports = demand.about(piece, counts, together)
        work = sum(_synapses(wired, piece) for wired in demand.into) / population.shape.depth
        words += sum(
            int(np.ceil(SPARE_FRAGMENTS * limits.fragments[w.projection.target]))
            for w in wiring
            if w.projection.source == p
        )
        shared = demand.shares_states
        states = len(piece.y) * len(piece.x) * population.neuron.bits_each / WORD_BITS
        if not shared:
            words += np.ceil(states * counts)
        # A fragment must fit a core of its own even if every source channel needs a descriptor.
        fits = words + more + MARGIN_WORDS + (states * counts if shared else 0) <= chip.core_words
        if whole and fits.any():
            words = words[: max(1, int(np.flatnonzero(fits)[-1]) + 1)]
        life = network.lives()[p]
        if not whole:
            return Item(words, states * len(piece.c) * shared, *life, 1, ports, work * len(piece.c))
        return Item(words, states * shared, *life, len(piece.c), ports, work)


def _channels(network: Network, wired: Wired, chip: Chip, limits: Least) -> int:
    """How many channels the source fragments of a projection have, about."""
    source = wired.projection.source
    shape, neuron = network.populations[source].shape, network.populations[source].neuron
    bits = max(neuron.bits_each, STATE_BITS)  # inputs are cut like what they feed
    by_states = -(-2 * bits * shape.neurons // (WORD_BITS * chip.core_words))
    return -(-shape.depth // max(limits.fragments[source], by_states))


def _is_whole(depth: int, piece: Fragment) -> bool:
    return len(piece.c) == depth


def _pieces(p: int, grid: Grid) -> list[Fragment]:
    """What of a population is packed: all of it if it is not cut in X or Y, or else its fragments."""
    pid = PopulationId(p)
    if len(grid.y) * len(grid.x) == 1:
        return [Fragment(pid, Span(grid.c[0].start, grid.c[-1].stop), grid.y[0], grid.x[0])]
    return [Fragment(pid, c, y, x) for c in grid.c for y in grid.y for x in grid.x]


def _synapses(wired: Wired, piece: Fragment) -> float:
    """The synapses of a projection into all channels of a piece's rows and columns."""
    first, depth = wired.kernel.first, wired.kernel.depth
    return (
        float((first >= 0).sum())
        * depth
        * _pairs(wired.projection.y, piece.y)
        * _pairs(wired.projection.x, piece.x)
    )


def _pairs(axis: AxisMap, span: Span) -> int:
    return int(((axis.targets >= span.start) & (axis.targets < span.stop)).sum())


def _seated(
    network: Network, grids: Sequence[Grid], pieces: Sequence[Fragment], cores: Sequence[dict[int, int]]
) -> tuple[tuple[Grid, ...], dict[Fragment, int]]:
    """The grids that these cores mean, and each fragment's core."""
    found = list(grids)
    seats: dict[Fragment, int] = {}
    of_item: dict[int, list[tuple[int, int]]] = {}
    for core, held in enumerate(cores):
        for item, count in held.items():
            of_item.setdefault(item, []).append((core, count))
    for item, parts in of_item.items():
        piece = pieces[item]
        grid = grids[piece.population]
        if len(grid.y) * len(grid.x) > 1:
            seats[piece] = parts[0][0]
            continue
        spans: list[Span] = []
        for core, count in parts:
            start = spans[-1].stop if spans else 0
            spans.append(Span(start, start + count))
            seats[replace(piece, c=spans[-1])] = core
        assert spans[-1].stop == network.populations[piece.population].shape.depth
        found[piece.population] = replace(grid, c=tuple(spans))
    return tuple(found), seats
