"""A graph in parts, one after the other: where each ends, and where its maps lie in an array that they share.

What a part makes is counted before the next part writes over it, while the cache still holds it.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np

from .graph import Graph, Size

PART = 2**19  # numbers of a part's maps at least, but for the last part
READ_MOST = 4  # one of so many numbers may be read again behind a part: each is laid out anew there
LINE = 16  # numbers of a cache line

Span = tuple[int, int]


def cuts(graph: Graph, inputs: Mapping[int, Size], outputs: Mapping[int, Size]) -> list[Sequence[int]]:
    """The outputs in their order, part by part: nothing is computed twice, and little is read again."""
    order = list(outputs)
    twice, again = _crossings(graph, inputs, outputs)
    bounds, held = [0], 0
    for place, index in enumerate(order, 1):
        held += outputs[index].count
        if held >= PART and not twice[place] and again[place] * READ_MOST <= held:
            bounds.append(place)
            held = 0
    if bounds[-1] < len(order) or not order:
        bounds.append(len(order))
    return [order[first:last] for first, last in pairwise(bounds)]


def _crossings(
    graph: Graph, inputs: Mapping[int, Size], outputs: Mapping[int, Size]
) -> tuple[list[int], list[int]]:
    """For a cut before each of the outputs: how many nodes are needed before and behind it, and how many
    numbers are read behind it that were made before.
    """
    places = {f"m{index}": place for place, index in enumerate(outputs)}
    sizes = {f"m{index}": size.count for index, size in {**inputs, **outputs}.items()}
    needed: dict[str, Span] = {name: (place, place) for name, place in places.items()}
    read: dict[str, int] = {}
    twice, again = (np.zeros(len(places) + 2, dtype=np.int64) for _ in range(2))
    for made, heard in reversed(graph.called()):
        spans = [
            (places[name],) * 2 if name in places else needed.get(name, (len(places), -1)) for name in made
        ]
        low, high = min(span[0] for span in spans), max(span[1] for span in spans)
        if high < 0:
            continue
        twice[low + 1] += 1
        twice[high + 1] -= 1
        for name in heard:
            if name in sizes:
                read[name] = max(high, read.get(name, -1))
            else:
                before = needed.get(name, (low, high))
                needed[name] = min(low, before[0]), max(high, before[1])
    for name, high in read.items():
        low = places.get(name, -1)
        again[low + 1] += sizes[name]
        again[high + 1] -= sizes[name]
    return np.cumsum(twice).tolist(), np.cumsum(again).tolist()


def placed(sizes: Mapping[int, Size], lives: Mapping[int, Span]) -> tuple[dict[int, int], int]:
    """Where maps begin that live in some parts, first and last, and how much they take together."""
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for index, size in sizes.items():
        first, last = lives[index]
        others = [each for each in begins if lives[each][0] <= last and first <= lives[each][1]]
        need = -(-size.count // LINE) * LINE
        at = 0
        for other in sorted(others, key=begins.__getitem__):
            if begins[other] - at >= need:
                break
            at = max(at, ends[other])
        begins[index], ends[index] = at, at + need
    return begins, max(ends.values(), default=0)


def lives(
    parts: Sequence[Sequence[int]], reads: Sequence[Collection[int]], kept: Collection[int]
) -> dict[int, Span]:
    """The parts in which each map is there: from the one that makes it, the first for those that none makes,
    to the last that reads it, or to the end if it is kept.
    """
    found: dict[int, Span] = {}
    for number, (makes, heard) in enumerate(zip(parts, reads, strict=True)):
        for index in (*heard, *makes):
            found[index] = found.get(index, (number, number))[0], number
    return {index: (first, len(parts) if index in kept else last) for index, (first, last) in found.items()}
