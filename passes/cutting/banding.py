"""Banding: feature maps are cut into bands of rows, which fire as soon as they can.

With shared states, what takes most memory is one feature map that sends events into the next, both whole. Cut
into bands that fire depth first, of each map only the bands are in use that wait for others. Weights are
stored once in a core, whatever the bands; each band has a descriptor, a port, axons and biases of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf

from ...ir.aims import Objective
from ...ir.chip import Chip
from ...ir.deadline import NEVER, Deadline
from ...ir.mapping import Contents, FragmentId, Grid, Mapping, Span
from ...ir.network import Network
from ..wiring.connect import Connect
from ..wiring.wired import Wired
from .partition import Assigned, Solution

COUNTS = (1, 2, 4, 8, 16)  # bands of a feature map
STARTS = 4  # numbers of bands, the same at several heights, from which a search goes down

Cost = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Band:
    """As many bands for the feature maps of each height as make the memory of all cores least, and no more
    cores than without them where these are to be few. The cuts that there are stay. Once time `is_over`, the
    best that is known is taken.
    """

    objective: Objective = Objective.CORES
    is_over: Deadline = NEVER

    def __call__(self, network: Network, chip: Chip, wiring: Sequence[Wired], solution: Solution) -> Solution:
        """The cuts with those between bands, and the core of each fragment."""
        search = _Search(network, chip, wiring, solution, self.objective)
        heights = sorted({p.shape.height for p in network.populations if p.shape.height > 1}, reverse=True)
        even = [
            {height: count if place <= level else 1 for place, height in enumerate(heights)}
            for count in COUNTS
            for level in range(len(heights))
        ]
        known = [counts for counts in even if not self.is_over() and search.costs(counts) is not None]
        best: dict[int, int] = dict.fromkeys(heights, 1)
        for start in sorted(known, key=search.ranked)[:STARTS]:
            best = min(best, search.descended(start, self.is_over), key=search.ranked)
        return search.solution(best) if max(best.values(), default=1) > 1 else solution


@dataclass(slots=True)
class _Search:
    """What is known of numbers of bands by the heights of feature maps."""

    network: Network
    chip: Chip
    wiring: Sequence[Wired]
    base: Solution
    objective: Objective
    known: dict[tuple[int, ...], Cost | None] = field(default_factory=dict)

    def descended(self, counts: dict[int, int], is_over: Deadline) -> dict[int, int]:
        """Twice or half as many bands at one height after the other, as long as that costs less."""
        begun = None
        while begun != counts:
            begun = counts
            for height, now in begun.items():
                for count in (2 * now, now // 2):
                    if count in COUNTS and not is_over():
                        counts = min(counts, {**counts, height: count}, key=self.ranked)
        return counts

    def ranked(self, counts: dict[int, int]) -> tuple[float, float]:
        """What it costs; what is beyond a limit comes last."""
        return self.costs(counts) or (inf, inf)

    def costs(self, counts: dict[int, int]) -> Cost | None:
        """Cores, where these count, and words; None where a limit of the chip is passed."""
        key = tuple(counts.values())
        if key not in self.known:
            filled = self._filled(self._mapping(self._grids(counts)))
            self.known[key] = None
            if filled is not None:
                cores = len(filled) if self.objective is Objective.CORES else 0
                self.known[key] = cores, sum(contents.size.words for contents, _ in filled)
        return self.known[key]

    def solution(self, counts: dict[int, int]) -> Solution:
        """The cuts of these numbers."""
        grids = self._grids(counts)
        mapping = self._mapping(grids)
        filled = self._filled(mapping)
        if filled is None:
            return self.base
        core_of = {fragment: core for core, (_, held) in enumerate(filled) for fragment in held}
        base = self.base
        return Assigned(
            grids,
            base.status,
            base.objective,
            base.bound,
            base.least_cores,
            assignment={plan.fragment: core_of[FragmentId(i)] for i, plan in enumerate(mapping.plans)},
        )

    def _grids(self, counts: dict[int, int]) -> tuple[Grid, ...]:
        return tuple(
            replace(grid, y=_finer(grid.y, counts.get(population.shape.height, 1)))
            for population, grid in zip(self.network.populations, self.base.grids, strict=True)
        )

    def _mapping(self, grids: Sequence[Grid]) -> Mapping:
        return Connect(shared=True, banded=True)(self.network, self.chip, self.wiring, grids)

    def _filled(self, mapping: Mapping) -> list[tuple[Contents, list[FragmentId]]] | None:
        """Cores with their fragments: those of a feature map are together, as they have the same weights, and
        where they take the fewest words more; the largest feature maps first.
        """
        plans = mapping.plans
        if any(len(plan.axons) > self.chip.axons_max for plan in plans):
            return None
        cores: list[tuple[Contents, list[FragmentId]]] = []

        def put(fragments: Sequence[FragmentId]) -> bool:
            added = [plans[index] for index in fragments]
            fitting = [
                (size.words - contents.size.words, core)
                for core, (contents, _) in enumerate(cores)
                if (size := contents.with_plans(added)).is_within(self.chip)
            ]
            if not fitting and not Contents(self.chip).with_plans(added).is_within(self.chip):
                return False
            if not fitting:
                cores.append((Contents(self.chip), []))
            contents, held = cores[min(fitting)[1] if fitting else -1]
            contents.add_all(added)
            held += fragments
            return True

        maps: dict[int, list[FragmentId]] = {}
        for index, plan in enumerate(plans):
            maps.setdefault(plan.fragment.population, []).append(FragmentId(index))
        alone = {
            p: -Contents(self.chip).with_plans([plans[i] for i in held]).words for p, held in maps.items()
        }
        for held in sorted(maps.values(), key=lambda held: (alone[plans[held[0]].fragment.population], held)):
            if not put(held) and not all(put([index]) for index in held):
                return None
        return cores


def _finer(spans: Sequence[Span], bands: int) -> tuple[Span, ...]:
    """Spans of an axis, cut also where so many even bands begin."""
    height = spans[-1].stop
    marks = {height * band // bands for band in range(bands)}
    cuts = sorted(marks | {span.start for span in spans} | {height})
    return tuple(Span(start, stop) for start, stop in pairwise(cuts))
