"""Shared states: where in a core the states of populations lie that live at different times (paper 5.1).

A population's states live from the first event that can reach them until the population has fired. What
lives at the same time must not overlap; the rest may.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple


class LiveRange(NamedTuple):
    """The first and the last step of the firing order, in populations, at which states are in use."""

    first: int
    last: int

    def meets(self, other: "LiveRange") -> bool:
        """Whether both live at some step."""
        return self.first <= other.last and other.first <= self.last


def live_ranges(firing: Sequence[int], edges: Iterable[tuple[int, int]]) -> tuple[LiveRange, ...]:
    """The live range of each population: from the firing of its first source to its own.

    `firing`: populations in the order in which they fire; `edges`: pairs of a source and a target.
    """
    step = {population: number for number, population in enumerate(firing)}
    first = dict(step)
    for source, target in edges:
        first[target] = min(first[target], step[source])
    return tuple(LiveRange(first[population], step[population]) for population in sorted(step))


class Region(NamedTuple):
    """The words set aside for shared states, and each population's offset in them."""

    words: int
    offsets: tuple[int, ...]


def region(needs: Sequence[tuple[int, LiveRange]]) -> Region:
    """The place of so many words for each live range. Of a few orders of first fit, the one with the fewest
    words; no order is tried once the words that live at one step are reached, for fewer cannot be.

    How many words there are depends on what is needed alone, not on the order in which it is listed.
    """
    return _region(tuple(needs))


_ORDERS: tuple[Callable[[int, LiveRange], tuple[int, ...]], ...] = (
    lambda size, live: (-size,),
    lambda size, live: (live.first, -size),
    lambda size, live: (-size * (live.last - live.first + 1),),
    lambda size, live: (live.first - live.last, -size),
    lambda size, live: (-live.last, -size),
)


@lru_cache(maxsize=4096)
def _region(needs: tuple[tuple[int, LiveRange], ...]) -> Region:
    peak = peak_words(needs)
    best: Region | None = None
    every = sorted(range(len(needs)), key=lambda i: (needs[i][1].last, needs[i][1].first, -needs[i][0]))
    for key in _ORDERS:
        found = _first_fit(needs, sorted(every, key=lambda i: key(*needs[i])))
        if best is None or found.words < best.words:
            best = found
        if best.words == peak:
            break
    assert best is not None
    return best


def _first_fit(needs: Sequence[tuple[int, LiveRange]], order: Sequence[int]) -> Region:
    offsets: dict[int, int] = {}
    for i in order:
        size, live = needs[i]
        taken = sorted((offsets[j], offsets[j] + needs[j][0]) for j in offsets if live.meets(needs[j][1]))
        at = 0
        for start, stop in taken:
            if at + size <= start:
                break
            at = max(at, stop)
        offsets[i] = at
    top = max((offsets[i] + needs[i][0] for i in offsets), default=0)
    return Region(top, tuple(offsets[i] for i in range(len(needs))))


def peak_words(needs: Sequence[tuple[int, LiveRange]]) -> int:
    """The most words that live at one step: at the first step of some live range."""
    return max(
        (sum(size for size, other in needs if other.first <= live.first <= other.last) for _, live in needs),
        default=0,
    )
