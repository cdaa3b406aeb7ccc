"""Packing: several fragments of any layers share a core (paper 5.2.1)."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...ir.deadline import in_time
from ...ir.errors import DoesNotFit, Origin
from ...ir.mapping import Contents, Fragment, FragmentId, Mapping, core_size

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pack:
    """Every fragment is in one core, and every core holds what it must: memory and ports.

    A fragment goes to its core of `assignment` while it fits there. The others go first fit, the largest
    first; at last, with `merge`, cores are emptied into the others, the smallest first. Sizes are exact,
    equal tables and weights within a core count once.
    """

    assignment: Table[Fragment, int] = field(default_factory=lambda: MappingProxyType({}))
    merge: bool = True

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with its cores. Raises DoesNotFit when the chip has too few."""
        cores = _Cores(mapping)
        alone = _alone_words(mapping).tolist()
        order = sorted(range(len(alone)), key=lambda i: (-alone[i], i))
        assignment = [self.assignment.get(plan.fragment, -1) for plan in mapping.plans]
        cores.open(max(assignment, default=-1) + 1)
        left = [i for i in order if assignment[i] < 0 or not cores.take(FragmentId(i), assignment[i])]
        for index in left:
            if cores.take_anywhere(FragmentId(index)) is None:
                cores.open(1)
                taken = cores.take(FragmentId(index), len(cores.held) - 1)
                assert taken, f"fragment {index} is too large for an empty core"
        if self.merge:
            cores.eliminate(alone)
        ordered = sorted(sorted(held) for held in cores.held if held)
        found = replace(mapping, cores=tuple(tuple(core) for core in ordered))
        if len(ordered) > mapping.chip.cores:
            raise too_many(found)
        return found


class _Cores:
    """Cores while they are filled. `free`: the words left in each."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.held: list[list[FragmentId]] = []
        self.contents: list[Contents] = []
        self.free = np.zeros(0, dtype=np.int64)
        self.least = least_words(mapping)

    def open(self, count: int) -> None:
        """More empty cores."""
        for _ in range(count):
            self.held.append([])
            self.contents.append(Contents(self.mapping.chip))
        self.free = np.append(self.free, np.full(count, self.mapping.chip.core_words))

    def take(self, fragment: FragmentId, core: int) -> bool:
        """Puts a fragment into a core if it fits; says whether."""
        in_time("fragments were packed")
        plan = self.mapping.plans[fragment]
        if self.free[core] < self.least[fragment] or not self.contents[core].fits(plan):
            return False
        self.contents[core].add(plan)
        self.held[core].append(fragment)
        self._count(core)
        return True

    def take_anywhere(self, fragment: FragmentId) -> int | None:
        """Puts a fragment into the first core that it fits, and says which: None if it fits none."""
        likely = np.flatnonzero(self.free >= self.least[fragment]).tolist()
        return next((core for core in likely if self.take(fragment, core)), None)

    def eliminate(self, alone: Sequence[int]) -> None:
        """Empties every core whose fragments all fit into others."""
        for core in sorted(range(len(self.held)), key=lambda i: (self.contents[i].size.words, i)):
            moved: list[tuple[FragmentId, int]] = []
            leaving, self.held[core] = self.held[core], []
            self.free[core] = -1
            self.free[[i for i, held in enumerate(self.held) if not held]] = -1
            for fragment in sorted(leaving, key=lambda f: (-alone[f], f)):
                into = self.take_anywhere(fragment)
                if into is None:
                    break
                moved.append((fragment, into))
            else:
                self.contents[core] = Contents(self.mapping.chip)
                continue
            self.held[core] = leaving
            for fragment, into in moved:
                self.held[into].remove(fragment)
            for into in {into for _, into in moved}:
                self.contents[into] = Contents(self.mapping.chip)
                for fragment in self.held[into]:
                    self.contents[into].add(self.mapping.plans[fragment])
            return

    def _count(self, core: int) -> None:
        self.free[core] = self.mapping.chip.core_words - self.contents[core].size.words


def _alone_words(mapping: Mapping) -> NDArray[np.int64]:
    """The words that each fragment takes in a core of its own."""
    empty = Contents(mapping.chip)
    return np.array([empty.with_plan(plan).words for plan in mapping.plans])


def least_words(mapping: Mapping) -> NDArray[np.int64]:
    """The words that each fragment adds to any core: those that no other fragment may share."""
    tables = _in_several(plan.kernels for plan in mapping.plans)
    blobs = _in_several(plan.blobs for plan in mapping.plans)
    return np.array(
        [
            plan.block_words
            + plan.ports
            + plan.kernel_words
            + plan.blob_words
            - sum(block.words for block in plan.kernels & tables)
            - sum(blob.words for blob in plan.blobs & blobs)
            for plan in mapping.plans
        ]
    )


def _in_several(held: Iterable[frozenset[T]]) -> set[T]:
    """What is in more than one of some sets."""
    known: set[T] = set()
    found: set[T] = set()
    for each in held:
        found |= known & each
        known |= each
    return found


def too_many(mapping: Mapping) -> DoesNotFit:
    """What is said of a mapping that takes more cores than the chip has."""
    chip = mapping.chip
    rows = -(-len(mapping.cores) // chip.mesh[0])
    sizes = [core_size(chip, (mapping.plans[f] for f in core)) for core in mapping.cores]
    held, ports = sum(size.words for size in sizes), sum(size.ports for size in sizes)
    unit, need, have = "words", held, chip.core_words
    if held <= chip.cores * have and ports > chip.cores * chip.ports_max:
        unit, need, have = "ports", ports, chip.ports_max
    return DoesNotFit(
        Origin(file=mapping.network.name),
        f"the network takes {len(mapping.cores)} cores ({need} {unit}), {chip.name} has {chip.cores} "
        f"({chip.cores * have} {unit})",
        hint=f"a mesh of {chip.mesh[0]} x {rows} holds it",
        ways=(
            {"cores": len(mapping.cores)},
            {"core_words": -(-held // chip.cores), "ports_max": -(-ports // chip.cores)},
        ),
    )


def too_large(mapping: Mapping) -> Sequence[FragmentId]:
    """The fragments that no core can have, for their size or their axons: none where nothing was guessed."""
    chip = mapping.chip
    found = []
    for index, plan in enumerate(mapping.plans):
        in_time("fragments were packed")
        if len(plan.axons) > chip.axons_max or not Contents(chip).fits(plan):
            found.append(FragmentId(index))
    return found
