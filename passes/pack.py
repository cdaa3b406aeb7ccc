"""Packing: several fragments of any layers share a core (paper 5.2.1)."""

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ..ir.errors import DoesNotFit, Origin
from ..ir.mapping import Contents, Fragment, FragmentId, Mapping, core_size


@dataclass(frozen=True, slots=True)
class Pack:
    """Every fragment is in one core, and every core holds what it must: memory and ports.

    A fragment goes to its core of `seats` while that has room. The others go first fit, the largest first; at
    last, with `merge`, cores are emptied into the others, the smallest first. Sizes are exact, equal tables
    and weights within a core count once.
    """

    seats: Table[Fragment, int] = field(default_factory=lambda: MappingProxyType({}))
    merge: bool = True

    def __call__(self, mapping: Mapping) -> Mapping:
        """The mapping with its cores. Raises DoesNotFit when the chip has too few."""
        cores = _Cores(mapping)
        alone = [_alone(mapping, FragmentId(i)) for i in range(len(mapping.plans))]
        order = sorted(range(len(alone)), key=lambda i: (-alone[i], i))
        seats = [self.seats.get(plan.fragment, -1) for plan in mapping.plans]
        cores.open(max(seats, default=-1) + 1)
        homeless = [i for i in order if seats[i] < 0 or not cores.take(FragmentId(i), seats[i])]
        for index in homeless:
            if not any(cores.take(FragmentId(index), core) for core in range(len(cores.held))):
                cores.open(1)
                taken = cores.take(FragmentId(index), len(cores.held) - 1)
                assert taken, f"fragment {index} is too large for an empty core"
        if self.merge:
            cores.eliminate(alone)
        ordered = sorted(sorted(held) for held in cores.held if held)
        found = replace(mapping, cores=tuple(tuple(core) for core in ordered))
        if len(ordered) > mapping.chip.cores:
            raise _too_many(found)
        return found


class _Cores:
    """Cores while they are filled."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.held: list[list[FragmentId]] = []
        self.contents: list[Contents] = []

    def open(self, count: int) -> None:
        """More empty cores."""
        for _ in range(count):
            self.held.append([])
            self.contents.append(Contents(self.mapping.chip))

    def take(self, fragment: FragmentId, core: int) -> bool:
        """Puts a fragment into a core if it fits; says whether."""
        plan = self.mapping.plans[fragment]
        if not self.contents[core].fits(plan):
            return False
        self.contents[core].add(plan)
        self.held[core].append(fragment)
        return True

    def eliminate(self, alone: Sequence[int]) -> None:
        """Empties every core whose fragments all fit into others."""
        for core in sorted(range(len(self.held)), key=lambda i: (self.contents[i].size.words, i)):
            others = [i for i in range(len(self.held)) if i != core and self.held[i]]
            before = {i: (list(self.held[i]), self.contents[i]) for i in (*others, core)}
            for i in others:
                self.contents[i] = self.contents[i].copy()
            fragments = sorted(self.held[core], key=lambda f: (-alone[f], f))
            if all(any(self.take(f, i) for i in others) for f in fragments):
                self.held[core], self.contents[core] = [], Contents(self.mapping.chip)
                continue
            for i, (held, contents) in before.items():
                self.held[i], self.contents[i] = held, contents
            return


def _too_many(mapping: Mapping) -> DoesNotFit:
    chip = mapping.chip
    rows = -(-len(mapping.cores) // chip.mesh[0])
    sizes = [core_size(chip, (mapping.plans[f] for f in core)) for core in mapping.cores]
    words, ports = sum(size.words for size in sizes), sum(size.ports for size in sizes)
    unit, need, have = "words", words, chip.core_words
    if words <= chip.cores * have and ports > chip.cores * chip.ports_max:
        unit, need, have = "ports", ports, chip.ports_max
    return DoesNotFit(
        Origin(file=mapping.network.name),
        f"the network takes {len(mapping.cores)} cores ({need} {unit}), {chip.name} has {chip.cores} "
        f"({chip.cores * have} {unit})",
        hint=f"a mesh of {chip.mesh[0]} x {rows} holds it",
        ways=(
            {"cores": len(mapping.cores)},
            {"core_words": -(-words // chip.cores), "ports_max": -(-ports // chip.cores)},
        ),
    )


def _alone(mapping: Mapping, fragment: FragmentId) -> int:
    contents = Contents(mapping.chip)
    return contents.with_plan(mapping.plans[fragment]).words


def too_large(mapping: Mapping) -> Sequence[FragmentId]:
    """The fragments that no core can have, for their size or their axons: none where nothing was guessed."""
    chip = mapping.chip
    return [
        FragmentId(i)
        for i, plan in enumerate(mapping.plans)
        if len(plan.axons) > chip.axons_max or not Contents(chip).fits(plan)
    ]
