"""Cutting: channel cuts, even or not, and the core of each piece are chosen together (paper 4.2, 5.2.1).

Feature maps that lie whole in X and Y may be cut anywhere along the channels; those that `Partition` had to
cut in X or Y keep the cuts it found, and their fragments are packed as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...ir.aims import Objective
from ...ir.chip import Chip
from ...ir.deadline import NEVER, Deadline, in_time
from ...ir.mapping import Fragment, Grid, Span
from ...ir.network import AxisMap, Network
from ...ir.neurons import STATE_BITS
from ...ir.storage.bitrun import WORD_BITS
from ..wiring.demand import Demand
from ..wiring.wired import Wired
from .bound import Least
from .columns import Columns, fill_cores
from .filler import CoreSpace, Floats, Item
from .partition import Assigned, Solution

ITEMS_MAX = 400  # more different pieces than these are packed first fit
# More pieces than both the first and so many a core, as of long rows, pack well as they come.
SMALL_ITEMS = (64, 24)
MARGIN_WORDS = 64  # for axons that were not foreseen
SPARE_FRAGMENTS = 4.0  # axons are counted for this many times the fewest fragments of their target


@dataclass(frozen=True, slots=True)
class Pieces:
    """What is packed of a network whose feature maps are cut: a feature map that may be cut along its
    channels, or pieces that stay as they are and take the same words. Each has its item.
    """

    base: Solution
    members: tuple[tuple[Fragment, ...], ...]
    items: tuple[Item, ...]
    least_cores: int

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return sum(map(len, self.members))


def pieces_of(
    network: Network, chip: Chip, wiring: Sequence[Wired], base: Solution, limits: Least, shared: bool
) -> Pieces:
    """The pieces of a solution, for any price. `shared`: states may have the place of others that live at
    other times.
    """
    members: list[tuple[Fragment, ...]] = []
    items: list[Item] = []
    for p, grid in enumerate(base.grids):
        in_time("pieces were weighed")
        demand = Demand(network, p, chip, wiring, shared)
        sizes = _Sizes(demand, network, chip, wiring, limits)
        if len(grid.y) * len(grid.x) == 1:
            whole = Fragment(demand.pid, Span(grid.c[0].start, grid.c[-1].stop), grid.y[0], grid.x[0])
            members.append((whole,))
            items.append(sizes.whole(whole))
            continue
        equal: dict[tuple[float, ...], list[Fragment]] = {}
        for piece in (Fragment(demand.pid, c, y, x) for c in grid.c for y in grid.y for x in grid.x):
            equal.setdefault(sizes.piece(piece), []).append(piece)
        for key, found in equal.items():
            members.append(tuple(found))
            items.append(sizes.apart(key, len(found)))
    return Pieces(base, tuple(members), tuple(items), limits.cores)


@dataclass(frozen=True, slots=True)
class Cut:
    """The grids of a solution cut anew along the channels, with a core for every fragment, by few cores.

    The cuts of the least memory, an `objective`, stay as they are: they are best already. `penalty_words`:
    what a fragment costs beside its words: the knob between few cores and few pairs of cores that talk.
    `work_max`: synaptic operations a frame that a core may be given.
    """

    objective: Objective = Objective.CORES
    penalty_words: float = 0.0
    work_max: float = np.inf
    seed: int = 0

    def __call__(
        self, chip: Chip, pieces: Pieces, known: Columns | None = None, is_over: Deadline = NEVER
    ) -> Solution:
        """The cuts and the cores. Fragments that turn out too large for their core are `Pack`'s to move.

        `known`: columns that other prices have found; they grow by those of this one. Once time `is_over`,
        what is found by then has to do.
        """
        base = replace(pieces.base, least_cores=pieces.least_cores)
        most = max(SMALL_ITEMS[0], SMALL_ITEMS[1] * pieces.least_cores)
        if pieces.least_cores <= 1 or self.objective is Objective.MEMORY:
            return base
        if len(pieces.items) > ITEMS_MAX or pieces.count > most:
            return base
        space = CoreSpace(chip.core_words, chip.ports_max, self.work_max)
        if not all(space.holds(item) for item in pieces.items):
            return base  # what is guessed of axons leaves too little space
        known = Columns() if known is None or np.isfinite(self.work_max) else known
        cores = fill_cores(pieces.items, space, self.penalty_words, self.seed, known, is_over)
        grids, assignment = _assigned(base.grids, pieces.members, cores)
        return Assigned(
            grids, base.status, base.objective, base.bound, base.least_cores, assignment=assignment
        )


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What pieces of one population take, axons among it."""

    demand: Demand
    network: Network
    chip: Chip
    wiring: Sequence[Wired]
    limits: Least

    def whole(self, piece: Fragment) -> Item:
        """The item of a feature map that may be cut anywhere along its channels."""
        counts = np.arange(1, min(len(piece.c), self.chip.depth_max) + 1)
        words, more, ports, work, states = self._about(piece, counts)
        # A fragment must fit a core of its own even if every source channel needs a descriptor.
        fits = words + more + MARGIN_WORDS + states * counts <= self.chip.core_words
        if fits.any():
            words = words[: max(1, int(np.flatnonzero(fits)[-1]) + 1)]
        return Item(words, states, *self._live_range, len(piece.c), ports, work)

    def piece(self, piece: Fragment) -> tuple[float, ...]:
        """What a piece takes that stays as it is."""
        depth = len(piece.c)
        words, _, ports, work, states = self._about(piece, np.array([depth]))
        return float(words[0]), states * depth, ports, work * depth

    def apart(self, taken: tuple[float, ...], count: int) -> Item:
        """The item of so many pieces that take the same."""
        words, states, ports, work = taken
        each = words * np.arange(1.0, count + 1)
        return Item(each, states, *self._live_range, count, int(ports), work, apart=True)

    @property
    def _live_range(self) -> tuple[int, int]:
        return self.network.live_ranges()[self.demand.pid]

    def _about(self, piece: Fragment, counts: NDArray[np.int64]) -> tuple[Floats, Floats, int, float, float]:
        """Words for each count of channels, and how many more they may be; ports; and for each channel its
        synaptic operations, and the words of its states where others may have their place.
        """
        demand = self.demand
        together = {w.projection.source: self._channels(w) for w in demand.into}
        words, more, ports = demand.about(piece, counts, together)
        words += sum(
            int(np.ceil(SPARE_FRAGMENTS * self.limits.fragments[w.projection.target]))
            for w in self.wiring
            if w.projection.source == demand.pid
        )
        work = sum(_synapses(wired, piece) for wired in demand.into) / demand.population.shape.depth
        states = len(piece.y) * len(piece.x) * demand.population.neuron.bits_each / WORD_BITS
        if demand.shares_states:
            return words, more, ports, work, states
        return words + np.ceil(states * counts), more, ports, work, 0.0

    def _channels(self, wired: Wired) -> int:
        """How many channels the source fragments of a projection have, about."""
        source = wired.projection.source
        population = self.network.populations[source]
        bits = max(population.neuron.bits_each, STATE_BITS)  # inputs are cut like what they feed
        by_states = -(-2 * bits * population.shape.neurons // (WORD_BITS * self.chip.core_words))
        return -(-population.shape.depth // max(self.limits.fragments[source], by_states))


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


def _assigned(
    grids: Sequence[Grid], members: Sequence[Sequence[Fragment]], cores: Sequence[dict[int, int]]
) -> tuple[tuple[Grid, ...], dict[Fragment, int]]:
    """The grids that these cores mean, and each fragment's core."""
    found = list(grids)
    assignment: dict[Fragment, int] = {}
    of_item: dict[int, list[tuple[int, int]]] = {}
    for core, held in enumerate(cores):
        for item, count in held.items():
            of_item.setdefault(item, []).append((core, count))
    for item, parts in of_item.items():
        pieces, grid = members[item], grids[members[item][0].population]
        if len(grid.y) * len(grid.x) > 1:
            homes = [core for core, count in parts for _ in range(count)]
            assignment |= dict(zip(pieces, homes, strict=True))
            continue
        (whole,) = pieces
        spans: list[Span] = []
        for core, count in parts:
            start = spans[-1].stop if spans else 0
            spans.append(Span(start, start + count))
            assignment[replace(whole, c=spans[-1])] = core
        assert spans[-1].stop == whole.c.stop
        found[whole.population] = replace(grid, c=tuple(spans))
    return tuple(found), assignment
