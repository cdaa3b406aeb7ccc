"""Stages of a frame, one after the other, by all threads that come: compiled.

A stage is cut into units, and a thread takes the next one that nobody has; when all are taken, it waits until
all are done. So no thread waits for one that has not begun, and results do not depend on how many come.
"""

from typing import Any

import numpy as np

from ....ir.compiled import kept, merged
from ...machine.loops import events
from ...machine.loops.columns import Flag, Floats, Integers
from ...words import codes
from .. import layout, lists
from ..layout import (
    FEEDS,
    FEEDS_END,
    MAP,
    SOURCE,
    TILE,
    WORD,
)  # fmt: skip
from ..lists import Marks
from .pixels import NUMBERS, computed
from .rounding import States, of_bits
from .tickets import raised, seen, taken

LATE, NOT_FINITE = -1, -2  # in place of a stage: others take long, or a number is not finite
PATIENCE = 1 << 17  # looks at what others do, which take a tenth of a millisecond
INFINITE = 0x7F800000  # the bits of a number that is not finite, or more


@kept(codes, events, layout, lists)
def run_stages(
    values: Floats, marks: Marks, frames: int, first: int, last: int, stages: Integers, limits: Floats,
    bounds: States, feeds: Integers, most: States, lists: Integers, initial: States, begins: Integers,
    units: Integers, turns: Integers, ends: Integers, from_end: int, peaks: Integers, pixels: int,
    states: States, at: Any, sent: Floats, along: Integers, half: Flag, bounded: Flag, rounds: Flag,
) -> int:  # fmt: skip
    """Stages `first` .. `last` - 1, as far as their states are as `bounded` says. Gives the next one, or LATE
    and is to be called again, or NOT_FINITE.

    `values` and `marks` are those of all maps, map by map flat [frames, H, W, D]. `begins`: where the `units`
    of each stage begin, which are the first and the last pixel of all frames, and channel, each last one no
    more of it. `turns`: how many units of each stage are taken, and how many are done. Threads take them from
    the first on, or `from_end` from the last on, so that each stays at its side of all maps, which is in its
    cache; `ends`: how many from each end. `peaks`: the bits of the largest magnitude of each map. From
    `states` on, all is space, for so many `pixels`.
    """
    depth = states.size // pixels
    given, numbers = np.empty(depth, np.float32), np.empty((NUMBERS, pixels), np.int64)
    listed, held, ready = (
        np.zeros(pixels + TILE, np.int64),
        np.empty(WORD, np.uint64),
        np.empty(WORD, np.uint64),
    )
    found = first
    while found >= 0 and found < last:
        s, own = found, stages[found]
        if bounded_by(peaks, own, bounds[s, 0], bounds[s, 1], feeds, most) != (bounded is not None):
            break
        count, done = begins[s + 1] - begins[s], len(stages) + s
        while taken(turns, s) < count:
            before = taken(ends, from_end * len(stages) + s)
            unit = begins[s + 1] - 1 - before if from_end else begins[s] + before
            peak = computed(
                values, marks, frames, units[unit, 0], units[unit, 1], units[unit, 2], units[unit, 3], own,
                feeds, lists, initial, limits[s, 0], limits[s, 1], limits[s, 2], states, given, numbers,
                listed, held, ready, at, sent, along, half, bounded, rounds,
            )  # fmt: skip
            raised(peaks, own[MAP], peak)
            taken(turns, done)
        looks = 0
        while looks < PATIENCE and seen(turns, done) < count:
            looks += 1
        found = s + 1 if seen(peaks, own[MAP]) < INFINITE else NOT_FINITE
        found = found if looks < PATIENCE else LATE
    return found


@merged
def bounded_by(
    peaks: Integers, own: Integers, first: float, limit: float, feeds: Integers, most: States
) -> bool:
    """Whether no state of a stage can become too large for a float16, however its events are rounded."""
    total = first
    for f in range(own[FEEDS], own[FEEDS_END]):
        total += most[f] * np.float64(of_bits(np.int32(peaks[feeds[f, SOURCE]])))
    return total < limit
