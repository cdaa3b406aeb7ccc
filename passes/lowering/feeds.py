"""Feeds: the populations of a network's inputs, and which element of them each neuron is.

The host may feed any element of an input to any neuron of an input population, also to several. So a view of
the inputs can be laid as its reader wants it, as if it were an input itself. Tensors that are parts of one
feed share its neurons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

import numpy as np

from ...ir.layers import Value
from ...ir.network import Shape
from .arrangement import Arrangement, Phases, Scattered
from .views import Ids, Neurons, NotPlanar

Stack = Arrangement | Phases | Scattered


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """A population of input neurons. `places` [D, H, W]: which element of the inputs, that are numbered one
    after the other, each neuron is; -1 for none. `in_phases`: its channels are phases of a picture.
    """

    places: Ids
    in_phases: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The input populations of a network, and what tensors are in numbers of their neurons.

    `is_least`: every reader finds its maps as it wants them, and there are no more populations than inputs.
    """

    feeds: tuple[Feed, ...]
    views: Mapping[str, Ids]
    is_least: bool = False

    def is_as(self, other: "Layout") -> bool:
        """Whether the populations are the same as another's."""
        return len(self.feeds) == len(other.feeds) and all(
            np.array_equal(mine.places, its.places) for mine, its in zip(self.feeds, other.feeds, strict=True)
        )


class Feeds:
    """Feeds and views as they are found. `firsts`: the number of the first element of each input."""

    def __init__(self, inputs: Sequence[Value]) -> None:
        sizes = [prod(value.shape) for value in inputs]
        self.total = sum(sizes)
        self.firsts = [0, *accumulate(sizes[:-1])] if sizes else []
        self.found: list[Feed] = []
        self.neurons = Neurons()
        self.views: dict[str, Ids] = {}

    def lay(self, name: str, elements: Ids, stack: Stack) -> None:
        """A tensor lies in a feed of its own, or in one that already holds it as its reader wants it."""
        at = stack.tensor(np.arange(prod(stack.sizes)).reshape(stack.sizes))
        places = np.full(prod(stack.sizes), -1, dtype=np.int64)
        places[at.ravel()] = elements.ravel()
        places = places.reshape(stack.sizes)
        # Zeros around a picture are merged into the layer behind it, elsewhere they are neurons.
        least = -1 if isinstance(stack, Scattered) else 0
        held = [places.max(axis=axes) >= least for axes in ((1, 2), (0, 2), (0, 1))]
        box = tuple(slice(int(h.argmax()), len(h) - int(h[::-1].argmax())) for h in held)
        for number in range(len(self.found)):
            ids = self._lookup([number])[places[box]]
            if self._is_part(ids) and (ids >= 0).all():
                self.views[name] = np.where(elements < 0, -1, self._lookup([number])[elements])
                return
        self.found.append(Feed(places[box], isinstance(stack, Phases)))
        mine = np.full(stack.sizes, -1, dtype=np.int64)
        mine[box] = self.neurons.ids(self.neurons.add(Shape(*mine[box].shape)))
        self.views[name] = mine.ravel()[at]  # zeros between elements are neurons that nothing feeds

    def share(self, name: str, elements: Ids) -> bool:
        """Whether a tensor whose order does not matter lies in feeds that there are, as few as can be."""
        every = range(len(self.found))
        for chosen in (*([number] for number in every), list(every)):
            ids = self._lookup(chosen)[elements]
            if ((ids >= 0) | (elements < 0)).all():
                self.views[name] = np.where(elements < 0, -1, ids)
                return True
        return False

    def lacking(self, elements: Ids) -> list[int]:
        """The inputs that have some of these elements in no feed."""
        absent = elements[(self._lookup(range(len(self.found)))[elements] < 0) & (elements >= 0)]
        return [int(n) for n in np.unique(np.searchsorted(self.firsts, absent, side="right") - 1)]

    def unfed(self) -> list[int]:
        """The inputs of which no feed holds an element."""
        missing = self._lookup(range(len(self.found)))[: self.total] < 0
        ends = [*self.firsts, self.total][1:]
        return [
            index
            for index, (first, end) in enumerate(zip(self.firsts, ends, strict=True))
            if missing[first:end].all()
        ]

    def layout(self, *, is_wanted: bool) -> Layout:
        """Everything found, the populations in the order of the inputs."""
        order = sorted(range(len(self.found)), key=lambda n: int(_first(self.found[n])))
        moved = np.full(self.neurons.count + 1, -1, dtype=np.int64)  # the last is where -1 looks
        after = 0
        for number in order:
            base, size = self.neurons.bases[number], self.found[number].places.size
            moved[base : base + size] = np.arange(after, after + size)
            after += size
        views = {name: moved[ids] for name, ids in self.views.items()}
        feeds = tuple(self.found[number] for number in order)
        return Layout(feeds, views, is_wanted and len(feeds) <= len(self.firsts))

    def _lookup(self, numbers: Sequence[int]) -> Ids:
        """The neuron of each element in some feeds, -1 for those that none of them holds."""
        found = np.full(self.total + 1, -1, dtype=np.int64)  # the last is where -1 looks
        for number in reversed(numbers):
            places = self.found[number].places
            found[places.ravel()] = self.neurons.bases[number] + np.arange(places.size)
        found[-1] = -1
        return found

    def _is_part(self, ids: Ids) -> bool:
        """Whether a stack is channels of one population, of rows and columns that follow each other."""
        try:
            planes = self.neurons.planes(ids, 1)
        except NotPlanar:
            return False
        lines = [line for plane in planes for line in (plane.rows, plane.columns)]
        return bool(lines) and all((np.diff(line) == 1).all() for line in lines)


def _first(feed: Feed) -> int:
    return int(feed.places[feed.places >= 0].min(initial=2**62))


def is_distinct(elements: Ids) -> bool:
    """Whether a tensor names no element twice."""
    named = elements[elements >= 0]
    return len(np.unique(named)) == len(named)
