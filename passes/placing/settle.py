"""Settling: fragments change cores where that brings axons into reach (paper 5.1).

Cores that are full can still trade: another fragment of about the same size, in a core that lies better.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...ir.deadline import NEVER, Deadline, in_time
from ...ir.mapping import CoreId, FragmentId, Mapping, core_size
from ..cutting.pack import least_words
from .place import far_axons, out_of_reach, relay_weight

Integers = NDArray[np.int64]
Floats = NDArray[np.floating]
Truths = NDArray[np.bool_]

MOVES, MOVES_MAX = 5, 5000  # for each fragment, and in all
PATIENCE, PATIENCE_MAX = 2, 1000  # the same, in a row, that bring nothing nearer
ATTEMPTS = 4  # from the beginning, where few axons stay out of reach
FEW = 50.0  # weighted positions, counted at both ends
LOOKED_AT = 200  # of the moves of a fragment, the best ones: most turn out to lack the space
SIZED = 8  # of those that seem to have it, exactly: states may not lie as close as they live
HEAT = 1.0  # in positions out of reach: enough to get past a fragment that nobody takes
CORE_GAIN = 2.0  # the same: less is better won by fragments


@dataclass(frozen=True, slots=True)
class Settle:
    """Fewer axons are out of reach, on the same cores at the same places; a core that is left empty is free.

    A fragment that has such axons, or is their target, moves to a core where it fits, or changes places
    with a fragment elsewhere, alone or with its whole core, as chance and a little heat prefer. Sizes are
    exact. The best state of a few attempts counts, or of as many as there is time for.
    """

    seed: int = 0
    is_over: Deadline = NEVER

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with its fragments in other cores, or the same one."""
        if not any(True for _ in far_axons(mapping)):
            return mapping
        best, least = mapping.core_of(), np.inf
        for attempt in range(ATTEMPTS):
            if self.is_over():
                break
            random = np.random.default_rng((self.seed, attempt))
            found, far = _Trade(mapping, random, self.is_over).settled()
            if far < least:
                best, least = found, far
            if not 0 < far <= FEW:
                break
        held: list[list[FragmentId]] = [[] for _ in mapping.cores]
        for fragment, core in sorted(best.items()):
            held[core].append(fragment)
        seats = [(tuple(core), place) for core, place in zip(held, mapping.places, strict=True) if core]
        return replace(mapping, cores=tuple(core for core, _ in seats), places=tuple(p for _, p in seats))


class _Trade:
    """Fragments in cores, and for every fragment what it would have out of reach in each."""

    def __init__(self, mapping: Mapping, random: np.random.Generator, is_over: Deadline) -> None:
        self.plans, self.chip = mapping.plans, mapping.chip
        self.random, self.is_over = random, is_over
        self.core = np.array([core for _, core in sorted(mapping.core_of().items())], dtype=np.int64)
        self.occupancy = _Occupancy(mapping)
        places = np.array(mapping.places, dtype=np.int64)
        self.beyond = out_of_reach(self.chip, places[None] - places[:, None]).astype(np.float32)
        self.weight = np.array([relay_weight(self.chip, p.fragment) for p in self.plans], dtype=np.float32)
        self.targets = [
            np.array(sorted({axon.target for axon in plan.axons}), dtype=np.int64) for plan in self.plans
        ]
        self.sources = list(_reversed(self.targets))
        self.costs = np.array([self._cost(fragment) for fragment in range(len(self.plans))])

    def _cost(self, fragment: int) -> Floats:
        """By how many positions, weighted, a fragment's connections would be out of reach from each core."""
        targets, sources = self.targets[fragment], self.sources[fragment]
        sends = self.weight[fragment] * self.beyond[:, self.core[targets]].sum(axis=1)
        return np.asarray(sends + self.weight[sources] @ self.beyond[self.core[sources]])

    def settled(self) -> tuple[dict[FragmentId, CoreId], float]:
        """The core of every fragment when no more is won, and by how many positions they are out of reach."""
        best, kept, idle = self.total(), self.core.copy(), 0
        count = len(self.plans)
        for _ in range(min(MOVES * count, MOVES_MAX)):
            if not best or idle == min(PATIENCE * count, PATIENCE_MAX) or self.is_over():
                break
            in_time("fragments were brought nearer to each other")
            idle += 1
            self.move(int(self.random.choice(np.flatnonzero(self.standing()))))
            if (total := self.total()) < best:
                best, kept, idle = total, self.core.copy(), 0
        return {FragmentId(f): CoreId(core) for f, core in enumerate(kept.tolist())}, best

    def standing(self) -> Floats:
        """By how many positions, weighted, each fragment's connections are out of reach."""
        return np.asarray(self.costs[np.arange(len(self.core)), self.core])

    def total(self) -> float:
        """The same, of all fragments; every connection counts at both ends."""
        return float(self.standing().sum())

    def move(self, fragment: int) -> None:
        """The best move for a fragment that fits, if it is better than none."""
        here = int(self.core[fragment])
        if self._core_moves(here):
            return
        cores, others = self._wanted(fragment, here)
        likely = np.flatnonzero(self.occupancy.likely(fragment, here, cores, others))[:SIZED]
        for core, other in zip(cores[likely].tolist(), others[likely].tolist(), strict=True):
            moves = [(fragment, core), (other, here)] if other >= 0 else [(fragment, core)]
            if self._fits(moves):
                for each, into in moves:
                    self._put(each, into)
                return

    def _core_moves(self, here: int) -> bool:
        """Whether all fragments of a core have changed places with all of another, as much is won by it."""
        mine = np.flatnonzero(self.core == here)
        change = (self.costs[mine] - self.costs[mine, here][:, None]).sum(axis=0)
        change += np.bincount(self.core, self.costs[:, here] - self.standing(), minlength=len(change))
        for fragment in mine.tolist():
            others, both = self._both_ways(fragment, here)
            np.add.at(change, self.core[others], both)
        change = self._warm(change)
        change[here] = np.inf
        there = int(change.argmin())
        if change[there] > -CORE_GAIN:
            return False
        theirs = np.flatnonzero(self.core == there)
        for each, into in ((mine, there), (theirs, here)):
            for fragment in each.tolist():
                self._put(fragment, into)
        return True

    def _wanted(self, fragment: int, here: int) -> tuple[Integers, Integers]:
        """The cores that a fragment would go to, and the fragments that would come for it (-1: none), the
        best first.
        """
        there, every = self.core, np.arange(len(self.beyond))
        gains = self.costs[fragment] - self.costs[fragment, here]
        swapped = gains[there] + self.costs[:, here] - self.standing()
        others, both = self._both_ways(fragment, here)
        np.add.at(swapped, others, both)
        change = self._warm(np.concatenate([gains, swapped]))
        change[np.concatenate([every, there]) == here] = np.inf
        order = np.argsort(change, kind="stable")[:LOOKED_AT]
        order = order[change[order] <= 0]
        coming = np.concatenate([np.full(len(every), -1), np.arange(len(there))])
        return np.concatenate([every, there])[order], coming[order]

    def _both_ways(self, fragment: int, here: int) -> tuple[Integers, Floats]:
        """The neighbours of a fragment, and what to add to a change if it and they change places: two that
        talk were each counted as if the other stood still.
        """
        targets, sources = self.targets[fragment], self.sources[fragment]
        others = np.concatenate([targets, sources])
        weights = np.concatenate([np.full(len(targets), self.weight[fragment]), self.weight[sources]])
        cores = self.core[others]
        return others, weights * (self.beyond[here, cores] + self.beyond[cores, here])

    def _warm(self, change: Floats) -> Floats:
        """Changes as heat makes them look."""
        return np.asarray(change - HEAT * self.random.gumbel(size=len(change)))

    def _fits(self, moves: Sequence[tuple[int, int]]) -> bool:
        """Whether cores hold what they have after these moves. One that only gives is looked at, too: with
        fewer states, the others may lie less close.
        """
        core = self.core.copy()
        for fragment, into in moves:
            core[fragment] = into
        changed = {into for _, into in moves} | {int(self.core[fragment]) for fragment, _ in moves}
        sizes = (core_size(self.chip, (self.plans[f] for f in np.flatnonzero(core == c))) for c in changed)
        return all(size.is_within(self.chip) for size in sizes)

    def _put(self, fragment: int, into: int) -> None:
        """A fragment in another core; what its neighbours would cost follows."""
        old = int(self.core[fragment])
        self.occupancy.put(fragment, old, into)
        taken = self.weight[fragment] * (self.beyond[into] - self.beyond[old])
        self.costs[self.targets[fragment]] += taken
        sources = self.sources[fragment]
        self.costs[sources] += self.weight[sources, None] * (self.beyond[:, into] - self.beyond[:, old])
        self.core[fragment] = into


class _Occupancy:
    """The least that cores hold: words that no fragments share, and states that live at one step."""

    def __init__(self, mapping: Mapping) -> None:
        self.chip = mapping.chip
        self.words = least_words(mapping)
        needs = [(sum(n for n, _ in plan.shared_states), plan.live_range or (0, 0)) for plan in mapping.plans]
        self.states = np.array([size for size, _ in needs])
        self.first, self.last = np.array([when for _, when in needs]).T
        self.steps = np.arange(1 + self.last.max(initial=0))
        self.held = np.array([self.words[list(core)].sum() for core in mapping.cores])
        self.live = np.array(
            [self._live(np.array(core, dtype=np.int64)).sum(axis=0) for core in mapping.cores]
        )

    def _live(self, fragments: Integers) -> Integers:
        """The states of fragments at each step [fragments, steps]."""
        first, last = self.first[fragments, None], self.last[fragments, None]
        return np.asarray(self.states[fragments, None] * ((first <= self.steps) & (self.steps <= last)))

    def likely(self, fragment: int, here: int, cores: Integers, others: Integers) -> Truths:
        """Whether a fragment may fit these cores, and others, which leave them for it (-1: none),
        here in its place. Without sharing they have.
        """
        comes = others >= 0
        words = np.where(comes, self.words[others], 0) - self.words[fragment]
        live = np.where(comes[:, None], self._live(others), 0) - self._live(np.array([fragment]))
        most = self.chip.core_words
        there = self.held[cores] - words + (self.live[cores] - live).max(axis=1) <= most
        return np.asarray(there & (self.held[here] + words + (self.live[here] + live).max(axis=1) <= most))

    def put(self, fragment: int, old: int, into: int) -> None:
        """A fragment in another core."""
        live = self._live(np.array([fragment]))[0]
        for core, sign in ((old, -1), (into, 1)):
            self.held[core] += sign * self.words[fragment]
            self.live[core] += sign * live


def _reversed(targets: Sequence[Integers]) -> Iterator[Integers]:
    """The sources of every fragment."""
    found: list[list[int]] = [[] for _ in targets]
    for source, reached in enumerate(targets):
        for target in reached:
            found[target].append(source)
    return (np.array(sources, dtype=np.int64) for sources in found)
