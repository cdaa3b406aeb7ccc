"""Stages of a frame, one after the other, by all threads that come: compiled.

A stage is cut into units, and a thread takes the next one that nobody has; when all are taken, it waits until
all are done. So no thread waits for one that has not begun, and results do not depend on how many come.
"""

import numpy as np

from ....ir.compiled import compiled, kept
from ...machine.loops import events
from ...machine.loops.columns import Flag, Floats, Integers
from ...words import codes
from .. import layout, lists
from ..layout import (
    DEPTH,
    FEEDS,
    FEEDS_END,
    HEIGHT,
    MAP,
    MIXED,
    SINGLE,
    SOURCE,
    TILE,
    WIDTH,
    WORD,
)  # fmt: skip
from ..lists import Marks, words_of
from .pixels import AT_ONCE, NUMBERS, computed
from .reach import slots_of
from .rounding import States, of_bits
from .tickets import raised, seen, taken

LATE, NOT_FINITE = -1, -2  # in place of a stage: others take long, or a number is not finite
PATIENCE = 1 << 17  # looks at what others do, which take a tenth of a millisecond
INFINITE = 0x7F800000  # the bits of a number that is not finite, or more


@kept(codes, events, layout, lists)
def run_stages(
    values: Floats, marks: Marks, frames: int, first: int, last: int, stages: Integers, limits: Floats,
    bounds: States, feeds: Integers, most: States, lists: Integers, initial: States, cuts: Integers,
    turns: Integers, peaks: Integers, half: Flag, bounded: Flag, rounds: Flag,
) -> int:  # fmt: skip
    """Stages `first` .. `last` - 1, as far as their states are as `bounded` says. Gives the next one, or LATE
    and is to be called again, or NOT_FINITE.

    `values` and `marks` are those of all maps, map by map flat [frames, H, W, D]. `cuts`: in how many parts
    pixels and words of channels of a stage are cut. `turns`: how many units of each stage are taken, and how
    many are done. `peaks`: the bits of the largest magnitude of each map.
    """
    pixels, depth, slots, mixed = 1, 1, 1, 0
    for s in range(first, last):
        pixels = max(pixels, min(frames * stages[s, HEIGHT] * stages[s, WIDTH], AT_ONCE))
        depth = max(depth, stages[s, DEPTH])
        for f in range(stages[s, FEEDS], stages[s, FEEDS_END]):
            if feeds[f, SINGLE] == 0:
                slots = max(slots, slots_of(feeds[f]))
                mixed = slots if feeds[f, MIXED] else mixed
    states, given = np.empty(pixels * depth, initial.dtype), np.empty(depth, np.float32)
    numbers, listed = np.empty((NUMBERS, pixels), np.int64), np.zeros(pixels + TILE, np.int64)
    held, ready = np.empty(WORD, np.uint64), np.empty(WORD, np.uint64)
    at, sent = np.empty((pixels + TILE) * slots, np.int32), np.empty((pixels + TILE) * slots, np.float32)
    along = np.empty(pixels * mixed, np.int64)
    for s in range(first, last):
        own = stages[s]
        if bounded_by(peaks, own, bounds[s, 0], bounds[s, 1], feeds, most) != (bounded is not None):
            return s
        area, words = frames * own[HEIGHT] * own[WIDTH], words_of(own[DEPTH])
        across, done = cuts[s, 1], len(stages) + s
        units = cuts[s, 0] * across
        unit = taken(turns, s)
        while unit < units:
            i, j = unit // across, unit % across
            peak = computed(
                values, marks, frames, area * i // cuts[s, 0], area * (i + 1) // cuts[s, 0],
                words * j // across * WORD, min(words * (j + 1) // across * WORD, own[DEPTH]), own, feeds,
                lists, initial, limits[s, 0], limits[s, 1], limits[s, 2], states, given, numbers, listed,
                held, ready, at, sent, along, half, bounded, rounds,
            )  # fmt: skip
            raised(peaks, own[MAP], peak)
            taken(turns, done)
            unit = taken(turns, s)
        looks = 0
        while seen(turns, done) < units:
            looks += 1
            if looks > PATIENCE:
                return LATE
        if seen(peaks, own[MAP]) >= INFINITE:
            return NOT_FINITE
    return last


@compiled
def bounded_by(
    peaks: Integers, own: Integers, first: float, limit: float, feeds: Integers, most: States
) -> bool:
    """Whether no state of a stage can become too large for a float16, however its events are rounded."""
    total = first
    for f in range(own[FEEDS], own[FEEDS_END]):
        total += most[f] * np.float64(of_bits(np.int32(peaks[feeds[f, SOURCE]])))
    return total < limit
