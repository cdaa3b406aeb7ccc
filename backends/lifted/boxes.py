"""Which channels of a map the edges of a population reach: boxes of source channels and target channels."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .edges import Edge, Geometry

Integers = NDArray[np.int64]
Span = tuple[int, int]

FULL = 0.75  # of a box of channels that is worth its zeros
SPLIT = 1000  # synapses of a pixel that take as long as one more feed

# Where the targets of some edges begin, and each source channel's first target and the one behind its last.
Hulled = tuple[int, dict[Geometry, Edge], tuple[Integers, Integers]]


def hull(edges: dict[Geometry, Edge], depth: int) -> tuple[Integers, Integers]:
    """For each source channel the first target channel that it reaches and the one behind the last, or -1."""
    low, high = np.full(depth, np.iinfo(np.int64).max), np.full(depth, -1, dtype=np.int64)
    for edge in edges.values():
        low[edge.live] = np.minimum(low[edge.live], edge.firsts)
        high[edge.live] = np.maximum(high[edge.live], edge.firsts + edge.depths)
    low[high < 0] = -1
    return low, high


def boxes(stacks: Sequence[Hulled], depth: int, taps: int) -> Sequence[tuple[Span, Span, Sequence[Hulled]]]:
    """Boxes of source channels and target channels that hold what stacks reach, with the stacks in them.

    One box is quicker than many: where little of it is empty, its weights there are zeros. Else each is full.
    """
    rows = np.stack([side for _, _, hull in stacks for side in hull])
    found: list[tuple[Span, Span, Sequence[Hulled]]] = []
    for first, last in runs((rows[:, 1:] != rows[:, :-1]).any(axis=0), depth):
        spans: list[tuple[Span, list[Hulled]]] = []
        for stack in stacks:
            k, _, (low, high) = stack
            if low[first] < 0:
                continue
            begin, end, members = k + int(low[first]), k + int(high[first]), [stack]
            if spans and spans[-1][0][1] == begin:
                (begin, _), before = spans.pop()
                members = [*before, stack]
            spans.append(((begin, end), members))
        for span, members in spans:
            found.append(((first, last), span, members))
    channels = found[0][0][0], found[-1][0][1]
    targets = min(begin for _, (begin, _), _ in found), max(end for _, (_, end), _ in found)
    reached = sum((last - first) * (end - begin) for (first, last), (begin, end), _ in found)
    size = (channels[1] - channels[0]) * (targets[1] - targets[0])
    if reached >= FULL * size or (size - reached) * taps <= SPLIT * (len(found) - 1):
        return [(channels, targets, stacks)]
    return found


def is_single(low: Integers, high: Integers) -> bool:
    """Whether each channel reaches one target channel of its own."""
    heard = low >= 0
    own = low[heard]
    return bool((high[heard] - own == 1).all()) and np.unique(own).size == own.size


def filled(targets: Integers, sources: Integers, depth: int) -> tuple[Integers, Integers]:
    """Targets that hear a channel each, those in between too, if these are not many: with weights of zero,
    they may hear any.
    """
    if targets.size == 0 or targets[-1] - targets[0] >= 8 * targets.size:
        return targets, sources
    every = np.arange(targets[0], targets[-1] + 1)
    before = np.searchsorted(targets, every, side="right") - 1
    return every, np.clip(sources[before] + every - targets[before], 0, depth - 1)


def runs(changes: NDArray[np.bool_], count: int) -> Iterator[Span]:
    """Where runs begin and end: between two items a change begins another."""
    if count:
        yield from pairwise([0, *(np.flatnonzero(changes) + 1).tolist(), count])
