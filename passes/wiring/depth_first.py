"""Depth first: an order of firing in which whoever can fire does so before more is begun."""

from collections.abc import Callable, Collection, Sequence
from typing import Any


def depth_first(targets: Sequence[Collection[int]], key: Callable[[int], Any]) -> list[int]:
    """Fragments in an order in which each fires once all have fired that its events come from.

    `targets`: whom each sends events to, without a loop. `key`: which of several that are as near to the end
    comes first.
    """
    sources: list[set[int]] = [set() for _ in targets]
    for source, reached in enumerate(targets):
        for target in reached:
            sources[target].add(source)
    found: dict[int, None] = {}
    ends = [index for index, reached in enumerate(targets) if not reached]
    waiting = [(index, False) for index in sorted(ends, key=key, reverse=True)]
    while waiting:
        index, is_ready = waiting.pop()
        if is_ready:
            found[index] = None
        elif index not in found:
            waiting.append((index, True))
            left = sorted(sources[index] - found.keys(), key=key, reverse=True)
            waiting += [(source, False) for source in left]
    return list(found)
