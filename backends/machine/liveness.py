"""Shared states: populations may have the same words, from RESET to FIRE one at a time.

So what a word of states receives between its population's RESET and FIRE comes from the events that reach
this population alone, and their order says what it holds.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ..words.words import Order
from .order import Steps

NOBODY = -1


class Held(NamedTuple):
    """The words of a population's states: addresses of a core. `lasts`: they are its own for good."""

    core: int
    words: slice
    lasts: bool


def liveness_faults(
    prologue: Steps, body: Steps, held: Mapping[int, Held], sizes: list[int]
) -> Iterator[tuple[int, int]]:
    """Populations that are reset in words in which another's states live, and the other, by index.

    `held`: of each population with states. `sizes`: the words of each core.
    """
    owners = [np.full(size, NOBODY, dtype=np.int64) for size in sizes]
    for act in (*prologue, *body):
        order, index = act.order, act.block
        if index not in held:
            continue
        core, words, lasts = held[index]
        span = owners[core][words]
        if order == Order.RESET:
            others = span[(span != NOBODY) & (span != index)]
            if others.size:
                yield index, int(others[0])
            span[:] = index
        elif not lasts:
            span[:] = NOBODY
