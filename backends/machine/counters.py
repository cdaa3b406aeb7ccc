"""What a run is counted in: events and hops by the population that fires, the rest by the one reached."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..image.image import ImageLayer

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counters of a core, a layer or a whole run.

    `firing`, `events` and `hops` belong to the neurons that fire, `empty_events` and `synaptic_operations` to
    those that are reached; a zero weight is an operation where the update is ADD. `input_hops`: of the hops,
    those of events that the host feeds into the chip. `cycles`: of steps one after the other, estimated.
    """

    firing: int = 0
    events: int = 0
    hops: int = 0
    input_hops: int = 0
    empty_events: int = 0
    synaptic_operations: int = 0
    cycles: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Counters:
    """Counters of each population of `populations` (index of the core, address of the descriptor).

    `cycles`: those that its steps take, as `timing` adds them up.
    """

    COUNTS: ClassVar[tuple[str, ...]] = (
        "firing",
        "events",
        "hops",
        "empty_events",
        "synaptic_operations",
        "cycles",
    )

    populations: tuple[tuple[int, int], ...]
    inputs: NDArray[np.bool_]
    firing: Integers
    events: Integers
    hops: Integers
    empty_events: Integers
    synaptic_operations: Integers
    cycles: Integers

    @classmethod
    def summed(cls, counters: Sequence[Self]) -> Self:
        """Those of some runs of one image together."""
        first = counters[0]
        assert all(each.populations == first.populations for each in counters), "counters of two images"
        found = {name: np.sum([getattr(each, name) for each in counters], axis=0) for name in first.COUNTS}
        return type(first)(first.populations, first.inputs, **found)

    def __add__(self, other: Self) -> Self:
        assert self.populations == other.populations, "counters of two images"
        summed = {name: getattr(self, name) + getattr(other, name) for name in self.COUNTS}
        return type(self)(self.populations, self.inputs, **summed)

    @property
    def total(self) -> Tally:
        """Of the whole chip."""
        return self._tally(range(len(self.populations)))

    def of(self, core: int, population: int) -> Tally:
        """Of one population: index of the core, address of the descriptor."""
        return self._tally([self.populations.index((core, population))])

    def per_core(self, cores: int) -> list[Tally]:
        """Of every core, idle ones too."""
        held: list[list[int]] = [[] for _ in range(cores)]
        for index, (core, _) in enumerate(self.populations):
            held[core].append(index)
        return [self._tally(indices) for indices in held]

    def per_layer(self, layers: Iterable[ImageLayer]) -> dict[str, Tally]:
        """Of every layer that an image names."""
        at = {key: index for index, key in enumerate(self.populations)}
        return {
            layer.name: self._tally(sorted({at[f.core, f.population] for f in layer.fragments}))
            for layer in layers
        }

    def _tally(self, indices: Iterable[int]) -> Tally:
        chosen = np.array(list(indices), dtype=np.int64)
        return Tally(
            firing=int(self.firing[chosen].sum()),
            events=int(self.events[chosen].sum()),
            hops=int(self.hops[chosen].sum()),
            input_hops=int((self.hops * self.inputs)[chosen].sum()),
            empty_events=int(self.empty_events[chosen].sum()),
            synaptic_operations=int(self.synaptic_operations[chosen].sum()),
            cycles=int(self.cycles[chosen].sum()),
        )
